/// Asks for topics and their partitions, a page at a time (KIP-966).
package struct DescribeTopicPartitionsRequest: WireRequest {
    package typealias Response = DescribeTopicPartitionsResponse
    package static let api = ApiKey.describeTopicPartitions

    /// Empty for all of them.
    package var topics: [Topic] = []
    /// The most partitions of a page; the broker may have a lower bound.
    package var responsePartitionLimit: Int32 = 2000
    /// Where the page starts; nil for the beginning.
    package var cursor: Cursor?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&topics)
        try c.int32(&responsePartitionLimit)
        try c.optional(&cursor)
        try c.tags()
    }

    /// A topic to describe.
    package struct Topic: WireValue {
        package var name: String = ""

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.tags()
        }
    }

    /// A place in the list of partitions, which is in order of names.
    package struct Cursor: WireValue {
        package var topicName: String = ""
        package var partitionIndex: Int32 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&topicName)
            try c.int32(&partitionIndex)
            try c.tags()
        }
    }
}
