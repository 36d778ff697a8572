/// Asks for the settings of topics or brokers.
package struct DescribeConfigsRequest: WireRequest {
    package typealias Response = DescribeConfigsResponse
    package static let api = ApiKey.describeConfigs

    package var resources: [Resource] = []
    package var includeSynonyms: Bool = false
    package var includeDocumentation: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&resources)
        if c.version >= 1 { try c.bool(&includeSynonyms) }
        if c.version >= 3 { try c.bool(&includeDocumentation) }
        try c.tags()
    }

    /// What to describe.
    package struct Resource: WireValue {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        package var resourceType: Int8 = 0
        package var resourceName: String = ""
        /// Nil for all settings.
        package var configurationKeys: [String]?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int8(&resourceType)
            try c.string(&resourceName)
            try c.array(&configurationKeys)
            try c.tags()
        }
    }
}
