/// Which access rules were deleted.
package struct DeleteAclsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var filterResults: [FilterResult] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.array(&filterResults)
        try c.tags()
    }

    /// The outcome for one filter.
    package struct FilterResult: WireValue {
        package var errorCode = ErrorCode.none
        package var errorMessage: String?
        package var matchingAcls: [MatchingRule] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.array(&matchingAcls)
            try c.tags()
        }
    }

    /// A rule that the filter matched.
    package struct MatchingRule: WireValue {
        package var errorCode = ErrorCode.none
        package var errorMessage: String?
        package var resourceType: Int8 = 0
        package var resourceName: String = ""
        package var patternType: Int8 = 3
        package var principal: String = ""
        package var host: String = ""
        package var operation: Int8 = 0
        package var permissionType: Int8 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.int8(&resourceType)
            try c.string(&resourceName)
            if c.version >= 1 { try c.int8(&patternType) }
            try c.string(&principal)
            try c.string(&host)
            try c.int8(&operation)
            try c.int8(&permissionType)
            try c.tags()
        }
    }
}
