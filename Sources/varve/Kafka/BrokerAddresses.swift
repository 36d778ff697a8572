internal import VarveBroker
package import VarvePlatform

/// The brokers that a command talks to, and how: as the flags say, or else the configuration.
struct BrokerAddresses {
    /// Where a broker is looked for when nobody says.
    static let standard = Endpoint(host: "127.0.0.1", port: 9092)

    let endpoints: [Endpoint]
    /// What TLS is made from; nil for plain connections.
    let tls: ClientTLS?

    /// TLS is used when an address says `SSL://`, when a `--tls` flag is given, or when the
    /// configuration's broker has no plain listener. With what, say the flags and, where they say
    /// nothing, the configuration's `tls`.
    init(_ arguments: Arguments) throws(CommandError) {
        let configuration = try arguments.configurationIfAny()
        let flags = try ClientTLS(arguments)
        var addresses: [ListenerAddress] = []
        for text in arguments.strings(.bootstrap).flatMap({ $0.split(separator: ",") }) {
            addresses.append(try Self.address(String(text)))
        }
        let isNamed = !addresses.isEmpty
        let kinds = Set(addresses.compactMap(\.named))
        guard kinds.count <= 1 else {
            throw .usage("--bootstrap-server: all addresses must be SSL:// or none")
        }
        let isSecure: Bool
        if isNamed {
            endpoints = addresses.map(\.endpoint)
            isSecure = kinds == [.ssl] || (flags != nil && kinds.isEmpty)
        } else if let configuration {
            let wanted: ListenerAddress.Security? = flags == nil ? nil : .ssl
            (endpoints, isSecure) = configuration.brokers(wanted)
        } else {
            endpoints = [Self.standard]
            isSecure = flags != nil
        }
        tls = isSecure ? flags ?? configuration?.tls ?? ClientTLS() : nil
    }

    private static func address(_ text: String) throws(CommandError) -> ListenerAddress {
        let parts = text.split(separator: "://", maxSplits: 1)
        let security = parts.count == 2
            ? ListenerAddress.Security(rawValue: parts[0].uppercased()) : nil
        guard let endpoint = Endpoint(String(parts.last ?? ""), defaultPort: 9092),
            parts.count == 1 || security != nil
        else { throw .usage("--bootstrap-server: \"\(text)\" is not HOST:PORT or SSL://HOST:PORT") }
        return ListenerAddress(endpoint, security)
    }
}

extension Configuration {
    /// The listeners as a client on this machine reaches them: those in plain when there are any,
    /// unless `security` asks for one kind.
    func brokers(
        _ security: ListenerAddress.Security? = nil
    ) -> (endpoints: [Endpoint], isSecure: Bool) {
        let wanted =
            security
            ?? (listeners.contains { $0.security == .plaintext } ? .plaintext : .ssl)
        return (
            listeners.filter { $0.security == wanted }.map(\.endpoint.reachable), wanted == .ssl
        )
    }

    /// Where a client on this machine finds the broker.
    package var bootstrap: [Endpoint] { brokers().endpoints }

    /// What such a client's TLS is made from; nil when it needs none.
    var clientTLS: ClientTLS? { brokers().isSecure ? tls ?? ClientTLS() : nil }
}
