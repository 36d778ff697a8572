/// Whether the mechanism will do, and which would.
package struct SaslHandshakeResponse: WireResponse {
    package var errorCode = ErrorCode.none
    package var mechanisms: [String] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.errorCode(&errorCode)
        try c.array(&mechanisms)
    }
}
