package import VarvePlatform
package import VarveRecords
package import VarveWire

/// Why the client could not do what it was asked.
package enum ClientError: Error, Equatable, Sendable {
    /// A connection could not be made, or broke. Whether the broker got the request is not known.
    case io(SystemError)
    /// The broker and this client did not come to terms on TLS, or the session broke.
    case tls(TLSError)
    /// The time for it ran out; the text says for what. The broker may still do it.
    case timedOut(String)
    /// The broker's answer, and what it was about.
    case kafka(ErrorCode, String)
    /// The broker sent what does not read as an answer, or the request cannot be written.
    case wire(WireError)
    /// Fetched or given records are not sound; none of the batch is handed on (I2).
    case records(RecordError)
    /// The broker has this API in no version that this client has; the text says what needs it.
    case unsupported(ApiKey, String)
    /// An argument or a setting that cannot be; nothing was sent.
    case invalid(String)
    /// The cluster, producer or consumer was closed.
    case closed

    /// A stream's failure: the connection's own where it is one.
    init(_ error: TLSError) {
        if case .io(let system) = error { self = .io(system) } else { self = .tls(error) }
    }

    /// What was to be made is there already.
    package var isTopicExisting: Bool {
        if case .kafka(.topicAlreadyExists, _) = self { true } else { false }
    }

    /// The broker's code, where it is a broker's answer.
    package var code: ErrorCode? {
        if case .kafka(let code, _) = self { return code }
        return nil
    }

    /// The broker's access rules do not let this client do it: an administrator may change that
    /// while this program runs.
    package var isRefusal: Bool {
        switch code {
        case .topicAuthorizationFailed, .groupAuthorizationFailed, .clusterAuthorizationFailed,
            .transactionalIdAuthorizationFailed:
            true
        default: false
        }
    }

    /// The same may succeed later without anyone changing anything.
    package var isRetriable: Bool {
        switch self {
        case .io, .timedOut: true
        case .tls(let error): error.isRetriable
        case .kafka(let code, _): code.isRetriable
        case .wire, .records, .unsupported, .invalid, .closed: false
        }
    }
}

extension ClientError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .io(let error): "\(error)"
        case .tls(let error): "\(error)"
        case .timedOut(let what): "timed out: \(what)"
        case .kafka(let code, let what):
            (what.isEmpty ? code.name : "\(code.name): \(what)") + (isRefusal ? Self.remedy : "")
        case .wire(let error): "not the Kafka protocol: \(error)"
        case .records(let error): "bad records: \(error)"
        case .unsupported(let api, let what): "the broker has no fitting \(api.name): \(what)"
        case .invalid(let what): what
        case .closed: "closed"
        }
    }

    /// What an administrator can do about a refusal.
    private static let remedy =
        "; the broker's access rules do not let this client do it: give its principal (the "
        + "subject of the certificate in its tls settings, else User:ANONYMOUS) a rule, as "
        + "kafka-acls.sh does, or a place in the broker's super.users"
}
