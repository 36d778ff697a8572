/// Asks for the quotas of clients (KIP-546).
package struct DescribeClientQuotasRequest: WireRequest {
    package typealias Response = DescribeClientQuotasResponse
    package static let api = ApiKey.describeClientQuotas

    package var components: [Component] = []
    /// Entities with types that no component names are left out.
    package var strict: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&components)
        try c.bool(&strict)
        try c.tags()
    }

    /// Which entities are meant, for one type.
    package struct Component: WireValue {
        /// "user", "client-id" or "ip".
        package var entityType: String = ""
        /// 0 the name in `match`, 1 the default entity, 2 any that has a name.
        package var matchType: Int8 = 0
        package var match: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&entityType)
            try c.int8(&matchType)
            try c.string(&match)
            try c.tags()
        }
    }
}
