/// Replaces all settings of topics or brokers by those given.
package struct AlterConfigsRequest: WireRequest {
    package typealias Response = AlterConfigsResponse
    package static let api = ApiKey.alterConfigs

    package var resources: [Resource] = []
    /// Check, and change nothing.
    package var validateOnly: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&resources)
        try c.bool(&validateOnly)
        try c.tags()
    }

    /// What to alter.
    package struct Resource: WireValue {
        /// 2 topic, 4 broker.
        package var resourceType: Int8 = 0
        package var resourceName: String = ""
        package var configs: [Config] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int8(&resourceType)
            try c.string(&resourceName)
            try c.array(&configs)
            try c.tags()
        }
    }

    /// A setting and its value.
    package struct Config: WireValue {
        package var name: String = ""
        /// Nil for the default.
        package var value: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.string(&value)
            try c.tags()
        }
    }
}
