package import VarvePlatform

/// The `sink` of type `syslog`: RFC 5424 messages that carry CEF, over TCP, TLS or into a file.
package struct SyslogConfiguration: Decodable, Sendable {
    /// The receiver (`address: "host:port"`) or the file (`path`): one of the two.
    package enum Destination: Sendable, Equatable {
        case tcp(Endpoint)
        case file(String)
    }

    package var destination: Destination
    /// `tls: {…}` sends over TLS (RFC 5425), by default to port 6514; nil sends over plain TCP.
    package var tls: TLSSettings?
    /// CEF's header, where the event has no observer.vendor, observer.product, observer.version.
    package var vendor: String
    package var product: String
    package var version: String
    /// The syslog facility, 0 to 23 (RFC 5424 section 6.2.1). Default 16, local0.
    package var facility: Int
    /// The APP-NAME of the messages. Default `varve`.
    package var appName: String
    /// The longest message, header included; longer text is cut in `msg`. RFC 5425 section 4.3.1
    /// asks receivers to take 8192, and rsyslog cuts there by default.
    package var messageBytesMax: Int
    /// The longest to connect, and to wait for the receiver to take a batch. Default 10000.
    package var timeoutMilliseconds: Int

    package init(destination: Destination) {
        self.destination = destination
        vendor = "Varve"
        product = "Varve"
        version = "1"
        facility = 16
        appName = "varve"
        messageBytesMax = 8192
        timeoutMilliseconds = 10_000
    }

    private enum Key: String, CodingKey, CaseIterable {
        case type, address, path, tls, vendor, product, version, facility, appName, messageBytesMax
        case timeoutMilliseconds
    }

    package init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        let address = try keys.decodeIfPresent(String.self, forKey: .address)
        let path = try keys.decodeIfPresent(String.self, forKey: .path)
        let tls = try keys.decodeIfPresent(TLSConfiguration.self, forKey: .tls)?.settings
        switch (address, path) {
        case (let address?, nil):
            guard let endpoint = Endpoint(address, defaultPort: tls == nil ? 514 : 6514),
                endpoint.port > 0
            else {
                throw keys.failure(.address, "'\(address)' is no host:port")
            }
            self.init(destination: .tcp(endpoint))
        case (nil, let path?):
            guard !path.isEmpty else { throw keys.failure(.path, "is empty") }
            guard tls == nil else { throw keys.failure(.tls, "is for an address, not for a path") }
            self.init(destination: .file(decoder.resolved(path)))
        default: throw keys.failure(.address, "exactly one of address and path is needed")
        }
        self.tls = tls
        vendor = try keys.text(.vendor, default: vendor)
        product = try keys.text(.product, default: product)
        version = try keys.text(.version, default: version)
        facility = try keys.number(.facility, default: facility, in: 0...23)
        appName = try keys.text(.appName, default: appName)
        // RFC 5424 section 6: APP-NAME is 1 to 48 printable characters of US-ASCII.
        guard (1...48).contains(appName.utf8.count),
            appName.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw keys.failure(.appName, "must be 1 to 48 printable ASCII characters") }
        messageBytesMax = try keys.number(
            .messageBytesMax, default: messageBytesMax, in: 480...(16 << 20))
        timeoutMilliseconds = try keys.number(
            .timeoutMilliseconds, default: timeoutMilliseconds, in: 100...600_000)
    }
}
