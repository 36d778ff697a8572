/// Creates topics.
package struct CreateTopicsRequest: WireRequest {
    package typealias Response = CreateTopicsResponse
    package static let api = ApiKey.createTopics

    package var topics: [Topic] = []
    package var timeoutMs: Int32 = 60000
    /// Check, and create nothing.
    package var validateOnly: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&topics)
        try c.int32(&timeoutMs)
        if c.version >= 1 { try c.bool(&validateOnly) }
        try c.tags()
    }

    /// A topic to create.
    package struct Topic: WireValue {
        package var name: String = ""
        /// -1 for the broker's default, from version 4 on (KIP-464), or with `assignments`.
        package var numPartitions: Int32 = 0
        /// -1 for the broker's default, from version 4 on, or with `assignments`.
        package var replicationFactor: Int16 = 0
        package var assignments: [Assignment] = []
        package var configs: [Config] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.int32(&numPartitions)
            try c.int16(&replicationFactor)
            try c.array(&assignments)
            try c.array(&configs)
            try c.tags()
        }
    }

    /// The brokers for one partition.
    package struct Assignment: WireValue {
        package var partitionIndex: Int32 = 0
        package var brokerIds: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.array(&brokerIds)
            try c.tags()
        }
    }

    /// A setting that differs from the broker's default.
    package struct Config: WireValue {
        package var name: String = ""
        package var value: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.string(&value)
            try c.tags()
        }
    }
}
