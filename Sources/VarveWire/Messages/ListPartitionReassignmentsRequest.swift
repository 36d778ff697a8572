/// Asks which partitions are on the move (KIP-455).
package struct ListPartitionReassignmentsRequest: WireRequest {
    package typealias Response = ListPartitionReassignmentsResponse
    package static let api = ApiKey.listPartitionReassignments

    /// In milliseconds.
    package var timeoutMs: Int32 = 60_000
    /// Nil for all of them.
    package var topics: [Topic]?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&timeoutMs)
        try c.array(&topics)
        try c.tags()
    }

    /// Partitions of one topic.
    package struct Topic: WireValue {
        package var name: String = ""
        package var partitionIndexes: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.array(&partitionIndexes)
            try c.tags()
        }
    }
}
