/// Makes access rules (KIP-133, KIP-290).
package struct CreateAclsRequest: WireRequest {
    package typealias Response = CreateAclsResponse
    package static let api = ApiKey.createAcls

    package var creations: [Creation] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&creations)
        try c.tags()
    }

    /// A rule to make.
    package struct Creation: WireValue {
        package var resourceType: Int8 = 0
        package var resourceName: String = ""
        /// 3 literal, 4 prefix.
        package var resourcePatternType: Int8 = 3
        package var principal: String = ""
        package var host: String = ""
        package var operation: Int8 = 0
        /// 2 deny, 3 allow.
        package var permissionType: Int8 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int8(&resourceType)
            try c.string(&resourceName)
            if c.version >= 1 { try c.int8(&resourcePatternType) }
            try c.string(&principal)
            try c.string(&host)
            try c.int8(&operation)
            try c.int8(&permissionType)
            try c.tags()
        }
    }
}
