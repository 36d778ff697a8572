internal import CVarvePlatform

/// CRC-32C (Castagnoli; RFC 3720, appendix B.4), with the processor's instruction where it has one.
package enum CRC32C {
    /// The checksum of `bytes`, continuing from `seed` (0 to start).
    package static func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        guard let base = bytes.baseAddress else { return seed }
        return varve_crc32c(seed, base, bytes.count)
    }

    /// The same without the instruction: the oracle in tests.
    package static func portableChecksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        guard let base = bytes.baseAddress else { return 0 }
        return varve_crc32c_portable(0, base, bytes.count)
    }

    /// The checksum of the last `byteCount` bytes of a range whose checksum is `whole`, when that
    /// of the bytes before them is `front`. Costs the logarithm of the count, not the count.
    ///
    /// A checksum is a polynomial modulo the generator: bytes behind `front` multiply it by x to
    /// the power of their bits. Source: zlib's crc32_combine (Mark Adler).
    package static func difference(_ whole: UInt32, _ front: UInt32, byteCount: Int) -> UInt32 {
        whole ^ multiply(front, powerOfX(bits: UInt64(byteCount) * 8))
    }

    /// The generator, bits reversed.
    private static let generator: UInt32 = 0x82F6_3B78

    /// x to the powers 2^0, 2^1, … 2^63, modulo the generator.
    private static let powers: [UInt32] = {
        var powers: [UInt32] = [1 << 30]
        for at in 1..<64 { powers.append(multiply(powers[at - 1], powers[at - 1])) }
        return powers
    }()

    private static func powerOfX(bits: UInt64) -> UInt32 {
        var product: UInt32 = 1 << 31
        var rest = bits
        while rest != 0 {
            product = multiply(powers[rest.trailingZeroBitCount], product)
            rest &= rest - 1
        }
        return product
    }

    /// The product of two polynomials modulo the generator, bits reversed.
    private static func multiply(_ first: UInt32, _ second: UInt32) -> UInt32 {
        var product: UInt32 = 0
        var shifted = second
        var rest = first
        while rest != 0 {
            if rest & (1 << 31) != 0 { product ^= shifted }
            rest <<= 1
            shifted = shifted & 1 != 0 ? (shifted >> 1) ^ generator : shifted >> 1
        }
        return product
    }
}
