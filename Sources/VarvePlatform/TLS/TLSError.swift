/// What went wrong with TLS: with whom or with which file, how, and what mends it.
///
/// The texts keep what OpenSSL's error queue said. They never hold a key or a password.
package enum TLSError: Error, Equatable, Sendable, CustomStringConvertible {
    /// This build has no TLS; the text says what asked for it.
    case notBuiltIn(String)
    /// A file could not be read, or the connection under the session failed.
    case io(SystemError)
    /// A certificate, key or setting cannot be used. Nothing was made.
    case configuration(subject: String, reason: String)
    /// The peer and this side did not come to terms; no byte of the application's was exchanged.
    case handshake(peer: String, reason: String)
    /// The peer ended the connection before the handshake was done. It may be stopping, or may not
    /// like what it was shown.
    case ended(peer: String, reason: String)
    /// The session broke after its handshake: a damaged record, a broken rule of the protocol.
    case session(peer: String, reason: String)

    package var description: String {
        switch self {
        case .notBuiltIn(let what):
            "\(what): this build has no TLS; build it with the package trait TLS (libssl-dev)"
        case .io(let error): "\(error)"
        case .configuration(let subject, let reason): "\(subject): \(reason)"
        case .handshake(let peer, let reason): "TLS handshake with \(peer): \(reason)"
        case .ended(let peer, let reason): "TLS handshake with \(peer): \(reason)"
        case .session(let peer, let reason): "TLS session with \(peer): \(reason)"
        }
    }

    /// The same may succeed later without anyone changing anything.
    package var isRetriable: Bool {
        switch self {
        case .io, .ended: true
        case .notBuiltIn, .configuration, .handshake, .session: false
        }
    }

    /// The connection's own failure, where it is one: the same may succeed later.
    package var systemError: SystemError? {
        if case .io(let error) = self { error } else { nil }
    }
}
