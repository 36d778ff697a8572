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
}
