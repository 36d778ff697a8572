internal import VarvePlatform

/// An IPv4 or IPv6 address. IPv4 addresses mapped into IPv6 (RFC 4291 section 2.5.5.2) are the
/// IPv4 addresses that they map.
package struct IPAddress: Hashable, Sendable {
    /// 4 for IPv4, 6 for IPv6.
    package let version: Int
    /// The address's bits; of IPv4 the low 32.
    package let bits: UInt128

    /// Reads `10.0.0.1`, `2001:db8::1`, `::ffff:10.0.0.1`; an IPv6 zone (`%eth0`) is passed over.
    /// Nil for anything else, leading zeros in IPv4 included, since tools read those differently.
    package init?(_ text: String) {
        if text.utf8.contains(UInt8(ascii: ":")) {
            let plain = text.prefix { $0 != "%" }
            guard let bits = Self.version6(plain) else { return nil }
            if bits >> 32 == 0xFFFF {
                self.version = 4
                self.bits = bits & 0xFFFF_FFFF
            } else {
                self.version = 6
                self.bits = bits
            }
        } else {
            guard let bits = Self.version4(text[...]) else { return nil }
            self.version = 4
            self.bits = UInt128(bits)
        }
    }

    private static func version4(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var result: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy(isDigit),
                part == "0" || part.first != "0", let byte = UInt8(part)
            else { return nil }
            result = result << 8 | UInt32(byte)
        }
        return result
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    private static func version6(_ text: Substring) -> UInt128? {
        let halves: (Substring, Substring?)
        if let gap = text.firstRange(ofDoubleColon: ()) {
            let rest = text[gap...].dropFirst(2)
            guard !rest.hasPrefix(":") else { return nil }
            halves = (text[..<gap], rest)
        } else {
            halves = (text, nil)
        }
        guard let left = groups(halves.0, allowsIPv4: halves.1 == nil),
            let right = groups(halves.1 ?? "", allowsIPv4: true)
        else { return nil }
        let count = left.count + right.count
        guard halves.1 == nil ? count == 8 : count <= 7 else { return nil }
        var result: UInt128 = 0
        for group in left + Array(repeating: 0, count: 8 - count) + right {
            result = result << 16 | UInt128(group)
        }
        return result
    }

    /// The 16-bit groups of one side of `::`; the last may be an IPv4 address where `allowsIPv4`.
    private static func groups(_ text: Substring, allowsIPv4: Bool) -> [UInt16]? {
        if text.isEmpty { return [] }
        var result: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if allowsIPv4, index == parts.count - 1, part.contains(".") {
                guard let address = version4(part) else { return nil }
                result.append(UInt16(address >> 16))
                result.append(UInt16(address & 0xFFFF))
            } else {
                guard (1...4).contains(part.utf8.count),
                    part.utf8.allSatisfy({ JSONEscapes.hexDigit($0) != nil }),
                    let group = UInt16(part, radix: 16)
                else { return nil }
                result.append(group)
            }
        }
        return result
    }
}

extension Substring {
    /// Where `::` stands for the first time.
    fileprivate func firstRange(ofDoubleColon: Void) -> Substring.Index? {
        var index = startIndex
        while let colon = self[index...].firstIndex(of: ":") {
            let after = self.index(after: colon)
            if after < endIndex && self[after] == ":" { return colon }
            index = after
        }
        return nil
    }
}

/// A network in CIDR notation (RFC 4632): `10.0.0.0/8`, `fd00::/8`; without a length it is the one
/// address.
package struct IPNetwork: Hashable, Sendable {
    private let version: Int
    private let bits: UInt128
    private let mask: UInt128

    /// Bits after the prefix are passed over, as routers do. Nil when `text` is no network.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { return nil }
        let width = address.version == 4 ? 32 : 128
        var length = width
        if parts.count == 2 {
            guard parts[1].utf8.allSatisfy({ $0 &- 0x30 < 10 }), let number = Int(parts[1]),
                (0...width).contains(number)
            else { return nil }
            length = number
        }
        let full: UInt128 = width == 128 ? .max : 0xFFFF_FFFF
        mask = length == 0 ? 0 : full << UInt128(width - length) & full
        version = address.version
        bits = address.bits & mask
    }

    package func contains(_ address: IPAddress) -> Bool {
        address.version == version && address.bits & mask == bits
    }
}

/// Networks in the configuration: a list of CIDR texts.
package struct NetworkList: Decodable, Sendable {
    private let networks: [IPNetwork]

    package init(_ networks: [IPNetwork]) { self.networks = networks }

    package init(from decoder: any Decoder) throws {
        networks = try [String](from: decoder).map { text in
            guard let network = IPNetwork(text) else {
                throw ConfigurationError(at: decoder.codingPath, "'\(text)' is no network")
            }
            return network
        }
    }

    package func contains(_ address: IPAddress) -> Bool {
        networks.contains { $0.contains(address) }
    }

    /// What IANA sets aside for private use, loopback and link-local traffic: RFC 1918, RFC 6598,
    /// RFC 3927, RFC 1122, RFC 4193, RFC 4291.
    package static let privateUse = NetworkList(
        [
            "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
            "127.0.0.0/8", "fc00::/7", "fe80::/10", "::1/128",
        ].map { IPNetwork($0)! })
}
