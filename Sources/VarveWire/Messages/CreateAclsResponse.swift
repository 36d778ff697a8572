/// Which access rules were made.
package struct CreateAclsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var results: [Result] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.array(&results)
        try c.tags()
    }

    /// The outcome for one rule.
    package struct Result: WireValue {
        package var errorCode = ErrorCode.none
        package var errorMessage: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.tags()
        }
    }
}
