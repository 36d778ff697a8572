/// How to run a broker. All but the data directory has a default.
public struct BrokerConfiguration: Sendable {
    /// Where topics live; made when it does not exist. One broker at a time.
    public var dataDirectory: String
    /// `host:port` addresses for the Kafka protocol; port 0 lets the system choose. Empty: no
    /// socket, only the calls of `Broker`.
    public var listen: [String]
    /// `host:port` that clients are told to come to, where it is not the listener's own: behind
    /// NAT, or for a name instead of an address. Without it, clients of a listener on all
    /// addresses are told the one they came in by.
    public var advertised: String?
    /// `host:port` for health, metrics and status over HTTP; nil for none.
    public var http: String?
    /// Broker settings by Kafka's names, such as `num.partitions`. Unknown names are refused.
    public var settings: [String: String]

    public init(
        dataDirectory: String, listen: [String] = ["127.0.0.1:9092"], advertised: String? = nil,
        http: String? = nil, settings: [String: String] = [:]
    ) {
        self.dataDirectory = dataDirectory
        self.listen = listen
        self.advertised = advertised
        self.http = http
        self.settings = settings
    }
}
