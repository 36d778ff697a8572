/// Asks how the metadata quorum does (KIP-595, KIP-836).
package struct DescribeQuorumRequest: WireRequest {
    package typealias Response = DescribeQuorumResponse
    package static let api = ApiKey.describeQuorum

    package var topics: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&topics)
        try c.tags()
    }

    /// Partitions of one topic; `__cluster_metadata` is the only one with a quorum.
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

    /// A partition by its number.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.tags()
        }
    }
}
