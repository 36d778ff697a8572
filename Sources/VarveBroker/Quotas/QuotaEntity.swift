/// Whom a client quota is for: a user, a client id, a user's client id, or the default of either.
/// Source: KIP-55, KIP-546.
struct QuotaEntity: Hashable, Sendable {
    /// One part of an entity.
    enum Name: Hashable, Sendable {
        case named(String)
        /// Whoever has no entity of its own.
        case standard

        /// Nil on the wire stands for the default.
        var text: String? { if case .named(let text) = self { text } else { nil } }
    }

    static let userType = "user"
    static let clientIDType = "client-id"
    /// Connections from an address, which have no quotas here.
    static let addressType = "ip"

    var user: Name?
    var clientID: Name?

    /// Its parts as the wire names them.
    var components: [(type: String, name: Name)] {
        var parts: [(type: String, name: Name)] = []
        if let user { parts.append((Self.userType, user)) }
        if let clientID { parts.append((Self.clientIDType, clientID)) }
        return parts
    }

    /// The entities that may have a quota for `client`, the one that counts first. Source: KIP-55,
    /// "Quota configuration", its order of precedence.
    static func candidates(for client: QuotaClient) -> [QuotaEntity] {
        let user = Name.named(client.user)
        let id = Name.named(client.clientID)
        return [
            QuotaEntity(user: user, clientID: id), QuotaEntity(user: user, clientID: .standard),
            QuotaEntity(user: user), QuotaEntity(user: .standard, clientID: id),
            QuotaEntity(user: .standard, clientID: .standard), QuotaEntity(user: .standard),
            QuotaEntity(clientID: id), QuotaEntity(clientID: .standard),
        ]
    }

    /// Who shares one measure under this entity's quota: a quota for a user counts all of its
    /// client ids together, one for client ids every user of that id.
    func sharers(_ client: QuotaClient) -> QuotaSharers {
        QuotaSharers(
            user: user == nil ? nil : client.user,
            clientID: clientID == nil ? nil : client.clientID)
    }
}

/// Who sent a request, as quotas see it.
struct QuotaClient: Hashable, Sendable {
    /// The principal's name without its type.
    var user: String
    var clientID: String
}

/// The clients that one measure counts together; nil is any.
struct QuotaSharers: Hashable, Sendable {
    var user: String?
    var clientID: String?
}

/// What is measured, by Kafka's name of the quota.
enum QuotaKind: String, CaseIterable, Sendable {
    /// Bytes of Produce requests a second.
    case produce = "producer_byte_rate"
    /// Bytes of records in Fetch responses a second.
    case fetch = "consumer_byte_rate"
    /// Time of event loop threads, as a percentage of one thread.
    case requestTime = "request_percentage"

    /// What is wrong with `value`; nil when it may be set.
    func problem(with value: Double) -> String? {
        guard value.isFinite, value > 0 else { return "must be above 0" }
        guard self == .requestTime || value == value.rounded() else {
            return "must be a whole number of bytes"
        }
        // Beyond this a Double does not tell whole numbers apart.
        return value <= 9_007_199_254_740_992 ? nil : "is too large"
    }

    /// What a quota of `value` allows in a second: bytes, or milliseconds of thread time.
    func perSecond(_ value: Double) -> Double { self == .requestTime ? value * 10 : value }
}
