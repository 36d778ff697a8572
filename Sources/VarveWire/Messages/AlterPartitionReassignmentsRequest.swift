/// Moves partitions to other brokers (KIP-455).
package struct AlterPartitionReassignmentsRequest: WireRequest {
    package typealias Response = AlterPartitionReassignmentsResponse
    package static let api = ApiKey.alterPartitionReassignments

    /// In milliseconds.
    package var timeoutMs: Int32 = 60_000
    /// Whether a partition may get more or fewer replicas than it has (KIP-860).
    package var allowReplicationFactorChange: Bool = true
    package var topics: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&timeoutMs)
        if c.version >= 1 { try c.bool(&allowReplicationFactorChange) }
        try c.array(&topics)
        try c.tags()
    }

    /// Partitions of one topic.
    package struct Topic: WireValue {
        package var name: String = ""
        package var partitions: [Partition] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.array(&partitions)
            try c.tags()
        }
    }

    /// A partition and where it goes.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0
        /// Nil ends a move that is under way.
        package var replicas: [Int32]?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.array(&replicas)
            try c.tags()
        }
    }
}
