package import VarvePlatform

extension RecordBatch {
    /// The one batch in `batch` with its records compressed by `codec`, and the same in all else;
    /// `batch` itself where that is its codec already.
    ///
    /// Only what the records are wrapped in changes, so they need not be taken apart: each keeps
    /// its offset, time and sequence number.
    /// - Parameter batch: its checksum need not be verified yet; it is, before it is made anew.
    /// - Parameter level: as in `CompressionCodec.compress`.
    /// - Parameter decompressedBytesMax: a batch that decompresses to more is refused (I8).
    /// - Throws: what `RecordBatchHeader.verified` throws; `.badCompression`,
    ///   `.decompressedTooLarge`, `.codecNotBuilt`, `.unknownCodec`, `.badLength`.
    package static func recompressed(
        _ batch: ByteSlice, with codec: CompressionCodec, level: Int32? = nil,
        decompressedBytesMax: Int = decompressedBytesMax
    ) throws(RecordError) -> ByteSlice {
        var header = try batch.withUnsafeBytes { (bytes) throws(RecordError) in
            try RecordBatchHeader(parsing: bytes)
        }
        guard let given = header.attributes.codec else {
            throw .unknownCodec(Int(header.attributes.rawValue & 7))
        }
        if given == codec { return batch }
        // A checksum made anew over damaged bytes would hide the damage (I2).
        _ = try batch.withUnsafeBytes { (bytes) throws(RecordError) in
            try RecordBatchHeader.verified(bytes)
        }
        let records = try given.decompress(
            batch[RecordBatchHeader.byteCount..<header.totalByteCount],
            bytesMax: decompressedBytesMax)
        header.attributes.rawValue =
            header.attributes.rawValue & ~7 | UInt16(codec.rawValue)
        return try header.batch(around: try codec.compress(records, level: level))
    }
}
