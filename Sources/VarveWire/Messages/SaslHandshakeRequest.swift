/// Chooses a SASL mechanism.
package struct SaslHandshakeRequest: WireRequest {
    package typealias Response = SaslHandshakeResponse
    package static let api = ApiKey.saslHandshake

    package var mechanism: String = ""

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&mechanism)
    }
}
