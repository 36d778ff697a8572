/// Has partitions led by their preferred replica again (KIP-183, KIP-460).
package struct ElectLeadersRequest: WireRequest {
    package typealias Response = ElectLeadersResponse
    package static let api = ApiKey.electLeaders

    /// 0 the preferred replica, 1 any that lives.
    package var electionType: Int8 = 0
    /// Nil for all of them.
    package var topicPartitions: [Topic]?
    /// In milliseconds.
    package var timeoutMs: Int32 = 60_000

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 1 { try c.int8(&electionType) }
        try c.array(&topicPartitions)
        try c.int32(&timeoutMs)
        try c.tags()
    }

    /// Partitions of one topic.
    package struct Topic: WireValue {
        package var topic: String = ""
        package var partitions: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&topic)
            try c.array(&partitions)
            try c.tags()
        }
    }
}
