/// 128 random bits, as Kafka's UUIDs (topic ids, cluster ids): a version 4 UUID (RFC 9562).
package struct UniqueID: Hashable, Sendable, CustomStringConvertible {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// All zero: "no id" on Kafka's wire.
    package static let zero = UniqueID(high: 0, low: 0)

    package static func random() -> UniqueID {
        var generator = SystemRandomNumberGenerator()
        return UniqueID(
            high: generator.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000,
            low: generator.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
    }

    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// Kafka's form: 22 characters of base64url (RFC 4648 section 5) without padding.
    package var description: String {
        var characters: [UInt8] = []
        for index in 0..<22 {
            // 128 bits are 21 groups of six and one of two bits, which stand at its left.
            var group = 0
            for bit in index * 6..<index * 6 + 6 {
                let set =
                    bit < 64
                    ? high >> UInt64(63 - bit) & 1
                    : bit < 128 ? low >> UInt64(127 - bit) & 1 : 0
                group = group << 1 | Int(set)
            }
            characters.append(Self.alphabet[group])
        }
        return String(decoding: characters, as: UTF8.self)
    }

    /// Reads `description` back; nil when `text` is not 22 characters of base64url.
    package init?(_ text: String) {
        let characters = Array(text.utf8)
        guard characters.count == 22 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (index, character) in characters.enumerated() {
            guard let group = Self.alphabet.firstIndex(of: character) else { return nil }
            for bit in index * 6..<index * 6 + 6 where bit < 128 {
                let value = UInt64(group >> (5 - (bit - index * 6)) & 1)
                if bit < 64 { high = high << 1 | value } else { low = low << 1 | value }
            }
        }
        self.init(high: high, low: low)
    }
}

extension ByteWriter {
    /// 16 bytes, big-endian, as on Kafka's wire.
    package mutating func uniqueID(_ id: UniqueID) {
        int64(Int64(bitPattern: id.high))
        int64(Int64(bitPattern: id.low))
    }
}

extension ByteReader {
    package mutating func uniqueID() throws(ByteReadError) -> UniqueID {
        UniqueID(
            high: UInt64(bitPattern: try int64()), low: UInt64(bitPattern: try int64()))
    }
}
