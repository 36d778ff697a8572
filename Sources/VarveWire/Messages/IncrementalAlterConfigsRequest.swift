/// Changes single settings of topics or brokers (KIP-339).
package struct IncrementalAlterConfigsRequest: WireRequest {
    package typealias Response = AlterConfigsResponse
    package typealias Resource = AlteredResource<Config>
    package static let api = ApiKey.incrementalAlterConfigs

    package var resources: [Resource] = []
    /// Check, and change nothing.
    package var validateOnly: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&resources)
        try c.bool(&validateOnly)
        try c.tags()
    }

    /// A setting and what to do with it.
    package struct Config: WireValue {
        package var name: String = ""
        /// 0 set, 1 delete, 2 append to a list, 3 take from a list.
        package var configOperation: Int8 = 0
        package var value: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.int8(&configOperation)
            try c.string(&value)
            try c.tags()
        }
    }
}
