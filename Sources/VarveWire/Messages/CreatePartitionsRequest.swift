/// Adds partitions to topics.
package struct CreatePartitionsRequest: WireRequest {
    package typealias Response = CreatePartitionsResponse
    package static let api = ApiKey.createPartitions

    package var topics: [Topic] = []
    package var timeoutMs: Int32 = 0
    /// Check, and create nothing.
    package var validateOnly: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&topics)
        try c.int32(&timeoutMs)
        try c.bool(&validateOnly)
        try c.tags()
    }

    /// A topic to widen.
    package struct Topic: WireValue {
        package var name: String = ""
        /// How many the topic is to have in all.
        package var count: Int32 = 0
        /// Nil: the broker chooses.
        package var assignments: [Assignment]?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.int32(&count)
            try c.array(&assignments)
            try c.tags()
        }
    }

    /// The brokers for one new partition.
    package struct Assignment: WireValue {
        package var brokerIds: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.array(&brokerIds)
            try c.tags()
        }
    }
}
