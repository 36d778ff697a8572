/// Replaces all settings of topics or brokers by those given.
package struct AlterConfigsRequest: WireRequest {
    package typealias Response = AlterConfigsResponse
    package typealias Resource = AlteredResource<Config>
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
