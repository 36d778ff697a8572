internal import VarvePlatform

/// The 128 bits that stand for a key while a log is compacted: SipHash-2-4 with 128 bits of
/// output, under a secret that each compaction draws anew.
///
/// Two keys with the same hash would have the older one's records removed for the newer one's.
/// With n keys that happens with a probability of n²/2^129: for ten million keys 10^-25, far less
/// than a bit error that the checksums miss. Kafka's cleaner takes MD5 for the same purpose; there
/// a writer of keys can make collisions at will and have others' records removed. Here nobody
/// knows the secret.
/// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF"; the reference code's
/// 128-bit variant.
struct KeyHash: Equatable {
    let low: UInt64
    let high: UInt64
}

/// Makes key hashes under one secret.
struct KeyHasher {
    private let secret0: UInt64
    private let secret1: UInt64

    /// A secret of its own.
    init() {
        self.init(secret0: .random(in: 0...UInt64.max), secret1: .random(in: 0...UInt64.max))
    }

    init(secret0: UInt64, secret1: UInt64) {
        self.secret0 = secret0
        self.secret1 = secret1
    }

    func hash(_ key: ByteSlice) -> KeyHash { key.withUnsafeBytes { hash($0) } }

    func hash(_ key: UnsafeRawBufferPointer) -> KeyHash {
        // The constants spell "somepseudorandomlygeneratedbytes"; 0xee and 0xdd mark the wide
        // variant.
        var state = State(
            v0: secret0 ^ 0x736f_6d65_7073_6575, v1: secret1 ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            v2: secret0 ^ 0x6c79_6765_6e65_7261, v3: secret1 ^ 0x7465_6462_7974_6573)
        var at = 0
        while at + 8 <= key.count {
            state.take(
                UInt64(littleEndian: key.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
            at += 8
        }
        var last = UInt64(truncatingIfNeeded: key.count) << 56
        for (index, byte) in key[at...].enumerated() { last |= UInt64(byte) << UInt64(8 * index) }
        state.take(last)

        state.v2 ^= 0xee
        for _ in 0..<4 { state.round() }
        let low = state.v0 ^ state.v1 ^ state.v2 ^ state.v3
        state.v1 ^= 0xdd
        for _ in 0..<4 { state.round() }
        return KeyHash(low: low, high: state.v0 ^ state.v1 ^ state.v2 ^ state.v3)
    }

    private struct State {
        var v0: UInt64
        var v1: UInt64
        var v2: UInt64
        var v3: UInt64

        @inline(__always)
        mutating func take(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        @inline(__always)
        mutating func round() {
            v0 &+= v1
            v1 = Self.rotate(v1, 13) ^ v0
            v0 = Self.rotate(v0, 32)
            v2 &+= v3
            v3 = Self.rotate(v3, 16) ^ v2
            v0 &+= v3
            v3 = Self.rotate(v3, 21) ^ v0
            v2 &+= v1
            v1 = Self.rotate(v1, 17) ^ v2
            v2 = Self.rotate(v2, 32)
        }

        @inline(__always)
        private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
            value << count | value >> (64 - count)
        }
    }
}
