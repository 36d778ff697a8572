internal import VarvePlatform
internal import VarveWire

/// SaslHandshake (17): refused, as Kafka's listeners without SASL refuse it. The response has no
/// text, so the log says what the client wants to change. Source: KIP-43, KIP-152.
enum SaslHandshakeHandler: RequestHandler {
    typealias Request = SaslHandshakeRequest

    static func handle(
        _ request: SaslHandshakeRequest, context: RequestContext
    ) -> Reply<SaslHandshakeResponse> {
        if let omitted = context.broker.refusalLines.admit(now: context.loop.now) {
            context.broker.logger.info(
                "a client wants to authenticate: \(SaslAuthenticateHandler.reason)",
                ["peer": context.peerHost, "omitted": omitted])
        }
        return .now(SaslHandshakeResponse { $0.errorCode = .illegalSaslState })
    }
}

/// SaslAuthenticate (36): refused, with the reason. Source: KIP-152.
enum SaslAuthenticateHandler: RequestHandler {
    typealias Request = SaslAuthenticateRequest

    static let reason =
        "authentication is not configured on this listener; "
        + "connect with security.protocol PLAINTEXT or SSL"

    static func handle(
        _ request: SaslAuthenticateRequest, context: RequestContext
    ) -> Reply<SaslAuthenticateResponse> {
        .now(
            SaslAuthenticateResponse {
                $0.errorCode = .illegalSaslState
                $0.errorMessage = reason
            })
    }
}
