/// Asks which resources have settings (KIP-1142); in version 0 which client metrics subscriptions
/// there are (KIP-714).
package struct ListConfigResourcesRequest: WireRequest {
    package typealias Response = ListConfigResourcesResponse
    package static let api = ApiKey.listConfigResources

    /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group; empty for all.
    package var resourceTypes: [Int8] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 1 { try c.array(&resourceTypes) }
        try c.tags()
    }
}
