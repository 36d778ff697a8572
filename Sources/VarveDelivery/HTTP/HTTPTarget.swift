internal import VarvePlatform

/// An http or https URL, taken apart into whom to ask and what for.
struct HTTPTarget: Equatable, Sendable {
    /// Whom a connection goes to.
    struct Origin: Hashable, Sendable {
        let endpoint: Endpoint
        let isSecure: Bool
    }

    let origin: Origin
    /// The value of the Host header: the port stands in it where it is not the scheme's own.
    let host: String
    /// Path and query, from its first slash on.
    let path: String

    /// Nil where `url` is none of the two.
    init?(_ url: String) {
        let isSecure: Bool
        let rest: Substring
        if url.hasPrefix("http://") {
            (isSecure, rest) = (false, url.dropFirst(7))
        } else if url.hasPrefix("https://") {
            (isSecure, rest) = (true, url.dropFirst(8))
        } else {
            return nil
        }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let path = rest.dropFirst(authority.count)
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !authority.contains("@"),
            let endpoint = Endpoint(String(authority), defaultPort: isSecure ? 443 : 80)
        else { return nil }
        origin = Origin(endpoint: endpoint, isSecure: isSecure)
        host = String(authority)
        self.path = path.hasPrefix("/") ? String(path) : "/" + path
    }
}
