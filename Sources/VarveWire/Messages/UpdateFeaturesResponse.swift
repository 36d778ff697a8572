/// Which features were updated; from version 2 on all or none.
package struct UpdateFeaturesResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var errorMessage: String?
    package var results: [Result] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.errorCode(&errorCode)
        try c.string(&errorMessage)
        if c.version <= 1 { try c.array(&results) }
        try c.tags()
    }

    /// The outcome for one feature.
    package struct Result: WireValue {
        package var feature: String = ""
        package var errorCode = ErrorCode.none
        package var errorMessage: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&feature)
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.tags()
        }
    }
}
