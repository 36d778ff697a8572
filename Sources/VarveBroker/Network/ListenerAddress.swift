package import VarvePlatform

/// Where the broker listens for the Kafka protocol, and in which dress: `HOST:PORT`,
/// `PLAINTEXT://HOST:PORT` or `SSL://HOST:PORT`, in Kafka's own words for them.
package struct ListenerAddress: Hashable, Sendable, CustomStringConvertible {
    /// What the bytes go through (`security.protocol`).
    package enum Security: String, CaseIterable, Sendable {
        case plaintext = "PLAINTEXT"
        case ssl = "SSL"
    }

    /// Nil where the text names none, which is plain for a listener.
    package let named: Security?
    package let endpoint: Endpoint

    package var security: Security { named ?? .plaintext }

    package init(_ endpoint: Endpoint, _ security: Security? = nil) {
        self.endpoint = endpoint
        named = security
    }

    /// - Throws: `.badAddress`, with the nearest that could have been meant.
    package init(_ text: String) throws(BrokerError) {
        var rest = text[...]
        var security: Security?
        if let mark = text.firstRange(of: "://") {
            let name = text[..<mark.lowerBound].uppercased()
            guard let found = Security(rawValue: name) else {
                throw .badAddress(
                    text,
                    reason: name.hasPrefix("SASL")
                        ? "SASL is not served; PLAINTEXT:// and SSL:// are"
                        : "a listener is PLAINTEXT://HOST:PORT or SSL://HOST:PORT")
            }
            security = found
            rest = text[mark.upperBound...]
        }
        guard let endpoint = Endpoint(String(rest)) else {
            throw .badAddress(text, reason: "expected HOST:PORT, as in 127.0.0.1:9092")
        }
        self.init(endpoint, security)
    }

    /// In full, as Kafka's tools show it: `PLAINTEXT://HOST:PORT`.
    package var url: String { "\(security.rawValue)://\(endpoint)" }

    package var description: String {
        security == .plaintext ? "\(endpoint)" : url
    }
}

/// What clients of each kind of listener are told to come to (`advertised.listeners`).
package struct AdvertisedAddresses: Sendable {
    private var endpoints: [ListenerAddress.Security: Endpoint] = [:]

    /// Reads `text`, addresses with commas between them. One without a protocol is for the
    /// listeners in plain, or for all when all are of one kind.
    /// - Throws: `.badAddress` for one that reads as none, that says a thing twice, or that is for
    ///   a kind of listener that is not there.
    package init(_ text: String?, listeners: [ListenerAddress]) throws(BrokerError) {
        let kinds = Set(listeners.map(\.security))
        for part in (text ?? "").split(separator: ",") {
            let word = part.drop { $0 == " " }
            let address = try ListenerAddress(String(word))
            let kind = address.named ?? (kinds.count == 1 ? kinds.first! : .plaintext)
            guard kinds.isEmpty || kinds.contains(kind) else {
                throw .badAddress(
                    String(word), reason: "no \(kind.rawValue) listener is there to advertise")
            }
            guard endpoints.updateValue(address.endpoint, forKey: kind) == nil else {
                throw .badAddress(
                    String(word), reason: "\(kind.rawValue) has an advertised address already")
            }
        }
    }

    /// The address for clients of a listener of this kind; nil: the listener's own.
    subscript(security: ListenerAddress.Security) -> Endpoint? { endpoints[security] }
}
