/// SCRAM credentials, without their secrets.
package struct DescribeUserScramCredentialsResponse: WireResponse {
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
        try c.array(&results)
        try c.tags()
    }

    /// The credentials of one user.
    package struct Result: WireValue {
        package var user: String = ""
        package var errorCode = ErrorCode.none
        package var errorMessage: String?
        package var credentialInfos: [Credential] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&user)
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.array(&credentialInfos)
            try c.tags()
        }
    }

    /// One credential.
    package struct Credential: WireValue {
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        package var mechanism: Int8 = 0
        package var iterations: Int32 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int8(&mechanism)
            try c.int32(&iterations)
            try c.tags()
        }
    }
}
