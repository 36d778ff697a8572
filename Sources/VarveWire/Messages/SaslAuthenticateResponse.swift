package import VarvePlatform

/// The broker's token in a SASL exchange, or why the exchange failed.
package struct SaslAuthenticateResponse: WireResponse {
    package var errorCode = ErrorCode.none
    package var errorMessage: String?
    /// As the mechanism has it.
    package var authBytes = ByteSlice()
    /// After so long the client must authenticate again (KIP-368); 0 for never.
    package var sessionLifetimeMs: Int64 = 0

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.errorCode(&errorCode)
        try c.string(&errorMessage)
        try c.bytes(&authBytes)
        if c.version >= 1 { try c.int64(&sessionLifetimeMs) }
        try c.tags()
    }
}
