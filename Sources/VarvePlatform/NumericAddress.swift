internal import Glibc

/// Numeric addresses as text, each in one form, so that equal ones are equal texts.
package enum NumericAddress {
    /// The shortest form of an IPv6 address (RFC 5952), and the IPv4 address where one is mapped
    /// into IPv6, as it is for clients of a listener for both; any other text as it is.
    package static func canonical(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: ":")) else { return text }
        // A link-local address names its interface behind a percent sign.
        let address = text.prefix { $0 != "%" }
        var bytes = in6_addr()
        guard inet_pton(AF_INET6, String(address), &bytes) == 1 else { return text }
        var room = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &bytes, &room, socklen_t(room.count)) != nil else { return text }
        let shortest = String(
            decoding: room.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        if shortest.hasPrefix(mapped) && shortest.utf8.contains(UInt8(ascii: ".")) {
            return String(shortest.dropFirst(mapped.count))
        }
        return shortest + text.dropFirst(address.count)
    }

    private static let mapped = "::ffff:"
}
