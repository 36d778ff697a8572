/// A topic to be created.
package struct NewTopic: Sendable {
    package var name: String
    /// -1: the broker's default (Kafka 2.4 and up).
    package var partitions: Int32
    /// -1: the broker's default (Kafka 2.4 and up).
    package var replicationFactor: Int16
    /// Kafka's names.
    package var configuration: [String: String]

    package init(
        _ name: String, partitions: Int32 = -1, replicationFactor: Int16 = -1,
        configuration: [String: String] = [:]
    ) {
        self.name = name
        self.partitions = partitions
        self.replicationFactor = replicationFactor
        self.configuration = configuration
    }
}

/// One setting of a topic or broker.
package struct ConfigurationEntry: Sendable, Equatable {
    package var name: String
    /// Nil when it has none or is secret.
    package var value: String?
    /// Nobody set it for this topic or broker.
    package var isDefault: Bool
    package var isReadOnly: Bool
    package var isSensitive: Bool
    /// Kafka's number for where the value comes from: 1 topic, 2 dynamic broker, 3 dynamic default,
    /// 4 static broker, 5 default; -1 unknown.
    package var source: Int8
    package var documentation: String?
}

/// Which offset of a partition to look up.
package enum OffsetQuery: Sendable, Hashable {
    case earliest
    /// The next offset to be assigned; with `.readCommitted` the last stable offset.
    case latest
    /// The first record whose timestamp is at or after this, in milliseconds since 1970.
    case timestamp(Int64)
    /// The record with the greatest timestamp (Kafka 3.0 and up).
    case maxTimestamp
}

/// An offset and the timestamp of its record.
package struct ListedOffset: Sendable, Equatable {
    /// -1 when no record matches.
    package var offset: Int64
    /// -1 for `.earliest` and `.latest`.
    package var timestamp: Int64

    package init(offset: Int64, timestamp: Int64) {
        self.offset = offset
        self.timestamp = timestamp
    }
}

/// A group as the list of groups has it.
package struct GroupListing: Sendable, Equatable {
    package var groupID: String
    /// "consumer" for consumer groups; empty for groups that only commit.
    package var protocolType: String
    /// Kafka's word: Empty, PreparingRebalance, CompletingRebalance, Stable, Dead, and for groups of
    /// the consumer protocol Assigning and Reconciling; empty where the broker is older than
    /// Kafka 2.6.
    package var state: String
    /// The protocol of its members, "classic" or "consumer"; empty where the broker is older than
    /// Kafka 3.7.
    package var groupType: String = ""
}

/// A group and its members.
package struct GroupDescription: Sendable, Equatable {
    package var groupID: String
    package var state: String
    package var protocolType: String
    /// The assignor in use.
    package var assignor: String
    package var coordinator: Int32
    package var members: [GroupMember]
}

/// A member of a group.
package struct GroupMember: Sendable, Equatable {
    package var memberID: String
    package var instanceID: String?
    package var clientID: String
    package var host: String
    /// What it subscribed to; empty where its metadata is not a consumer's.
    package var topics: [String]
    package var assignment: [TopicPartition]
}

/// An offset a group has committed.
package struct CommittedOffset: Sendable, Equatable {
    package var offset: Int64
    package var metadata: String?
}

/// How one of several things asked for in one call went; `error` is nil when it was done.
package struct AdminResult: Sendable {
    package var name: String
    package var error: ClientError?
}
