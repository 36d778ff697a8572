package import VarvePlatform

/// Why bytes are not the records they should be.
package enum RecordError: Error, Equatable, Sendable {
    /// The batch needs `needed` bytes and `available` are there: a piece of one, or a bad length.
    case truncated(needed: Int, available: Int)
    /// The length field says less than a header, or more than any batch may have.
    case badLength(Int32)
    /// Not a version 2 batch. Message sets of magic 0 and 1 are older than Kafka 0.11.
    case badMagic(Int8)
    /// The CRC-32C over bytes 21 to the end is not the one in the header.
    case badChecksum(expected: UInt32, found: UInt32)
    /// Header fields that contradict each other; the text says which.
    case inconsistent(String)
    /// A record inside the batch does not parse.
    case badRecord(index: Int, ByteReadError)
    /// Compressed bytes that the codec does not take.
    case badCompression(CompressionCodec, String)
    /// Decompressing would take more than `bytesMax` bytes.
    case decompressedTooLarge(bytesMax: Int)
    /// The codec is not in this build; `trait` is the SwiftPM trait that brings it.
    case codecNotBuilt(CompressionCodec, trait: String)
    /// Attribute bits 0 to 2 hold no codec number.
    case unknownCodec(Int)
}

/// The compression of a batch's records, by its number in the batch attributes.
package enum CompressionCodec: Int, CaseIterable, Sendable {
    case none = 0
    case gzip = 1
    case snappy = 2
    case lz4 = 3
    case zstd = 4
}
