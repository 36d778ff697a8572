package import VarvePlatform

/// The voters and observers of the metadata quorum.
package struct DescribeQuorumResponse: WireResponse {
    package var errorCode = ErrorCode.none
    package var errorMessage: String?
    package var topics: [Topic] = []
    package var nodes: [Node] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.errorCode(&errorCode)
        if c.version >= 2 { try c.string(&errorMessage) }
        try c.array(&topics)
        if c.version >= 2 { try c.array(&nodes) }
        try c.tags()
    }

    /// The partitions of one topic.
    package struct Topic: WireValue {
        package var topicName: String = ""
        package var partitions: [Partition] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&topicName)
            try c.array(&partitions)
            try c.tags()
        }
    }

    /// A controller and where it listens.
    package struct Node: WireValue {
        package var nodeId: Int32 = 0
        package var listeners: [Listener] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&nodeId)
            try c.array(&listeners)
            try c.tags()
        }
    }

    /// Who leads a partition, and who follows.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0
        package var errorCode = ErrorCode.none
        package var errorMessage: String?
        package var leaderId: Int32 = 0
        package var leaderEpoch: Int32 = 0
        package var highWatermark: Int64 = 0
        package var currentVoters: [ReplicaState] = []
        package var observers: [ReplicaState] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
            if c.version >= 2 { try c.string(&errorMessage) }
            try c.int32(&leaderId)
            try c.int32(&leaderEpoch)
            try c.int64(&highWatermark)
            try c.array(&currentVoters)
            try c.array(&observers)
            try c.tags()
        }
    }

    /// One address of a controller.
    package struct Listener: WireValue {
        package var name: String = ""
        package var host: String = ""
        package var port: UInt16 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.string(&host)
            try c.uint16(&port)
            try c.tags()
        }
    }

    /// How far one replica is.
    package struct ReplicaState: WireValue {
        package var replicaId: Int32 = 0
        package var replicaDirectoryId: UniqueID = .zero
        package var logEndOffset: Int64 = 0
        /// Milliseconds since 1970; -1 where it is unknown.
        package var lastFetchTimestamp: Int64 = -1
        /// Milliseconds since 1970; -1 where it is unknown.
        package var lastCaughtUpTimestamp: Int64 = -1

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&replicaId)
            if c.version >= 2 { try c.uuid(&replicaDirectoryId) }
            try c.int64(&logEndOffset)
            if c.version >= 1 {
                try c.int64(&lastFetchTimestamp)
                try c.int64(&lastCaughtUpTimestamp)
            }
            try c.tags()
        }
    }
}
