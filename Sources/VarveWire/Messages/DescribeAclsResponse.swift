/// Access rules.
package struct DescribeAclsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var errorMessage: String?
    package var resources: [Resource] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.errorCode(&errorCode)
        try c.string(&errorMessage)
        try c.array(&resources)
        try c.tags()
    }

    /// A resource and its rules.
    package struct Resource: WireValue {
        package var resourceType: Int8 = 0
        package var resourceName: String = ""
        package var patternType: Int8 = 3
        package var acls: [Rule] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int8(&resourceType)
            try c.string(&resourceName)
            if c.version >= 1 { try c.int8(&patternType) }
            try c.array(&acls)
            try c.tags()
        }
    }

    /// Who may do what, or may not.
    package struct Rule: WireValue {
        package var principal: String = ""
        package var host: String = ""
        package var operation: Int8 = 0
        package var permissionType: Int8 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&principal)
            try c.string(&host)
            try c.int8(&operation)
            try c.int8(&permissionType)
            try c.tags()
        }
    }
}
