package import VarvePlatform
package import VarveWire

/// What a cluster said of its brokers and topics at one moment.
package struct ClusterMetadata: Sendable, Equatable {
    /// Nil where the broker is older than Kafka 0.10.1.
    package var clusterID: String?
    /// -1 when there is none.
    package var controllerID: Int32
    /// In the cluster's order.
    package var brokers: [BrokerDescription]
    /// In the cluster's order; a topic that was asked for and is not there carries an error.
    package var topics: [TopicDescription]

    /// The broker with this id, if it is among them.
    package func broker(_ id: Int32) -> BrokerDescription? { brokers.first { $0.id == id } }
    /// The topic of this name, if it was asked for.
    package func topic(_ name: String) -> TopicDescription? { topics.first { $0.name == name } }
}

/// A broker and where it listens.
package struct BrokerDescription: Sendable, Hashable {
    package var id: Int32
    package var endpoint: Endpoint
    package var rack: String?
}

/// A topic and its partitions.
package struct TopicDescription: Sendable, Equatable {
    package var name: String
    /// Zero where the broker has no topic ids.
    package var id: UniqueID
    package var isInternal: Bool
    /// `.none`, or why the rest is empty.
    package var error: ErrorCode
    /// By number.
    package var partitions: [PartitionDescription]
}

/// A partition and the brokers that have it.
package struct PartitionDescription: Sendable, Equatable {
    package var partition: Int32
    package var error: ErrorCode
    /// The broker to read from and write to; -1 when there is none just now.
    package var leader: Int32
    package var leaderEpoch: Int32
    package var replicas: [Int32]
    package var inSyncReplicas: [Int32]
}
