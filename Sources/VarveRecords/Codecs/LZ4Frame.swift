internal import CLZ4
internal import VarvePlatform

/// LZ4 frames as Kafka's Java client writes them: 64 KiB independent blocks, no content size and
/// no content checksum (the batch has its own). Reads any frames, one after another.
/// Source: LZ4 Frame Format Description 1.6; Kafka's Lz4BlockOutputStream.
enum LZ4Frame {
    /// Kafka's `compression.lz4.level` that stands for the fast compressor, and its default;
    /// all others are LZ4HC's (Lz4Compression).
    private static let fastLevel: Int32 = 9

    /// - Parameter level: 1 to 17, where 9 is the fast compressor, as in Kafka. Of LZ4HC's own
    ///   levels liblz4 has 3 to 12: it takes lower ones as fast, and higher ones as 12.
    static func compress(
        _ bytes: ByteSlice, level: Int32? = nil
    ) throws(RecordError) -> ByteSlice {
        var preferences = LZ4F_preferences_t()
        if let level, level != fastLevel { preferences.compressionLevel = level }
        preferences.frameInfo.blockSizeID = LZ4F_max64KB
        preferences.frameInfo.blockMode = LZ4F_blockIndependent
        let bound = LZ4F_compressFrameBound(bytes.count, &preferences)
        return try ByteSlice(filling: bound) { (output) throws(RecordError) in
            let count = bytes.withUnsafeBytes {
                LZ4F_compressFrame(
                    output.baseAddress, output.count, $0.baseAddress, $0.count, &preferences)
            }
            if LZ4F_isError(count) != 0 { throw failure(count) }
            return count
        }
    }

    static func decompress(_ bytes: ByteSlice, bytesMax: Int) throws(RecordError) -> ByteSlice {
        var created: OpaquePointer?
        let code = LZ4F_createDecompressionContext(&created, UInt32(LZ4F_VERSION))
        guard LZ4F_isError(code) == 0, let context = created else { throw failure(code) }
        defer { LZ4F_freeDecompressionContext(context) }

        var output = DecompressionOutput(compressedBytes: bytes.count, bytesMax: bytesMax)
        var position = 0
        var missing = 1
        while position < bytes.count || missing > 0 {
            let before = position
            var produced = 0
            try output.append { (room) throws(RecordError) in
                var written = room.count
                var taken = bytes.count - position
                missing = bytes.withUnsafeBytes {
                    LZ4F_decompress(
                        context, room.baseAddress, &written,
                        $0.baseAddress.map { $0 + position }, &taken, nil)
                }
                if LZ4F_isError(missing) != 0 { throw failure(missing) }
                position += taken
                produced = written
                return written
            }
            guard position > before || produced > 0 || missing == 0 else {
                throw .badCompression(.lz4, "the frame ends early")
            }
        }
        return output.finish()
    }

    private static func failure(_ code: Int) -> RecordError {
        .badCompression(.lz4, String(cString: LZ4F_getErrorName(code)))
    }
}
