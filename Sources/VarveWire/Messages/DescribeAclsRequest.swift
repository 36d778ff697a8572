/// Asks for access rules (KIP-133, KIP-290).
package struct DescribeAclsRequest: WireRequest {
    package typealias Response = DescribeAclsResponse
    package static let api = ApiKey.describeAcls

    /// 1 any, 2 topic, 3 group, 4 cluster, 5 transactional id.
    package var resourceTypeFilter: Int8 = 0
    /// Nil for any.
    package var resourceNameFilter: String?
    /// 1 any, 2 all that match, 3 literal, 4 prefix.
    package var patternTypeFilter: Int8 = 3
    /// Nil for any.
    package var principalFilter: String?
    /// Nil for any.
    package var hostFilter: String?
    package var operation: Int8 = 0
    /// 1 any, 2 deny, 3 allow.
    package var permissionType: Int8 = 0

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int8(&resourceTypeFilter)
        try c.string(&resourceNameFilter)
        if c.version >= 1 { try c.int8(&patternTypeFilter) }
        try c.string(&principalFilter)
        try c.string(&hostFilter)
        try c.int8(&operation)
        try c.int8(&permissionType)
        try c.tags()
    }
}
