internal import VarvePlatform

/// MurmurHash2, 32 bits, with the seed of Kafka's default partitioner, so that a key goes to the
/// partition where Kafka's own clients put it. Source: Austin Appleby's MurmurHash2 and
/// org.apache.kafka.common.utils.Utils.murmur2.
enum Murmur2 {
    static func hash(_ key: ByteSlice) -> Int32 {
        key.withUnsafeBytes { bytes in
            let multiplier: UInt32 = 0x5bd1_e995
            var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: bytes.count)
            let words = bytes.count / 4
            for word in 0..<words {
                var k = UInt32(
                    littleEndian: bytes.loadUnaligned(fromByteOffset: word * 4, as: UInt32.self))
                k = k &* multiplier
                k ^= k >> 24
                k = k &* multiplier
                hash = (hash &* multiplier) ^ k
            }
            let tail = bytes.count - words * 4
            if tail >= 3 { hash ^= UInt32(bytes[words * 4 + 2]) << 16 }
            if tail >= 2 { hash ^= UInt32(bytes[words * 4 + 1]) << 8 }
            if tail >= 1 {
                hash ^= UInt32(bytes[words * 4])
                hash = hash &* multiplier
            }
            hash ^= hash >> 13
            hash = hash &* multiplier
            hash ^= hash >> 15
            return Int32(bitPattern: hash)
        }
    }

    /// The partition of a key among `count`, 1 and up.
    static func partition(_ key: ByteSlice, of count: Int) -> Int32 {
        (hash(key) & 0x7FFF_FFFF) % Int32(count)
    }
}
