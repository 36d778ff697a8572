/// Certificates or a key as PEM (RFC 7468): in a file, or right here.
package enum PEMSource: Equatable, Sendable, CustomStringConvertible {
    case file(String)
    /// The text itself, and the name of the setting that it came from.
    case inline(String, name: String)

    /// Where it is, without what it is.
    package var description: String {
        switch self {
        case .file(let path): path
        case .inline(_, let name): name
        }
    }
}

/// A version of the protocol that may be spoken. Older ones are broken (RFC 8996).
package enum TLSVersion: String, CaseIterable, Sendable {
    // Kafka's names of them (`ssl.enabled.protocols`).
    case v12 = "TLSv1.2"
    case v13 = "TLSv1.3"
}

/// What a side of TLS is made from. Holds secrets: it is never printed.
package struct TLSSettings: Equatable, Sendable {
    /// Whether a server asks its clients for certificates (`ssl.client.auth`).
    package enum ClientAuthentication: String, CaseIterable, Sendable {
        case none, requested, required
    }

    /// This side's certificate and those that lead to its authority. A server needs it.
    package var certificates: PEMSource?
    /// The certificate's private key; often in the same file.
    package var key: PEMSource?
    /// What an encrypted key was encrypted with.
    package var keyPassword: String?
    /// Whose signature on the peer's certificate counts. Nil: for a client the system's
    /// authorities, for a server nobody's.
    package var authorities: PEMSource?
    /// For servers.
    package var clientAuthentication = ClientAuthentication.none
    /// For clients: whether the server's certificate must name the host that was asked for
    /// (RFC 6125). Without it anyone with any certificate of these authorities can be the server.
    package var verifiesHostName = true
    package var versions: Set<TLSVersion> = [.v12, .v13]

    package init() {}
}
