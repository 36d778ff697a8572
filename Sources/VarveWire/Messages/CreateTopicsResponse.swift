package import VarvePlatform

/// Which topics were created.
package struct CreateTopicsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var topics: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 2 { try c.int32(&throttleTimeMs) }
        try c.array(&topics)
        try c.tags()
    }

    /// The outcome for one topic.
    package struct Topic: WireValue {
        package var name: String = ""
        package var topicId: UniqueID = .zero
        package var errorCode = ErrorCode.none
        package var errorMessage: String?
        /// Set where the settings may not be told (KIP-525).
        package var topicConfigErrorCode = ErrorCode.none
        package var numPartitions: Int32 = -1
        package var replicationFactor: Int16 = -1
        package var configs: [Config]? = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            if c.version >= 7 { try c.uuid(&topicId) }
            try c.errorCode(&errorCode)
            if c.version >= 1 { try c.string(&errorMessage) }
            if c.version >= 5 {
                try c.int32(&numPartitions)
                try c.int16(&replicationFactor)
                try c.array(&configs)
            }
            try c.beginTags()
            try c.tag(0, isDefault: topicConfigErrorCode == ErrorCode.none) { c throws(WireError) in
                try c.errorCode(&topicConfigErrorCode)
            }
            try c.endTags()
        }
    }

    /// A setting in force.
    package struct Config: WireValue {
        package var name: String = ""
        package var value: String?
        package var readOnly: Bool = false
        package var configSource: Int8 = -1
        package var isSensitive: Bool = false

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.string(&value)
            try c.bool(&readOnly)
            try c.int8(&configSource)
            try c.bool(&isSensitive)
            try c.tags()
        }
    }
}
