package import VarvePlatform

/// One token of a SASL exchange (KIP-152).
package struct SaslAuthenticateRequest: WireRequest {
    package typealias Response = SaslAuthenticateResponse
    package static let api = ApiKey.saslAuthenticate

    /// As the mechanism has it.
    package var authBytes = ByteSlice()

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.bytes(&authBytes)
        try c.tags()
    }
}
