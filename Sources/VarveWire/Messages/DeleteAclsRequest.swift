/// Deletes access rules (KIP-133, KIP-290).
package struct DeleteAclsRequest: WireRequest {
    package typealias Response = DeleteAclsResponse
    package static let api = ApiKey.deleteAcls

    package var filters: [Filter] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&filters)
        try c.tags()
    }

    /// Which rules to delete; what is nil matches anything.
    package struct Filter: WireValue {
        package var resourceTypeFilter: Int8 = 0
        package var resourceNameFilter: String?
        /// 1 any, 2 all that match, 3 literal, 4 prefix.
        package var patternTypeFilter: Int8 = 3
        package var principalFilter: String?
        package var hostFilter: String?
        package var operation: Int8 = 0
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
}
