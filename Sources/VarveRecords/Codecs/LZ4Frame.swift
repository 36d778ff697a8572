internal import CLZ4
package import VarvePlatform

/// LZ4 frames as Kafka's Java client writes them: 64 KiB independent blocks, no content size and
/// no content checksum (the batch has its own). Reads any frames, one after another.
/// Source: LZ4 Frame Format Description 1.6; Kafka's Lz4BlockOutputStream.
enum LZ4Frame {
    /// Kafka's `compression.lz4.level` that stands for the fast compressor, and its default;
    /// all others are LZ4HC's (Lz4Compression).
    private static let fastLevel: Int32 = 9

    fileprivate static func preferences() -> LZ4F_preferences_t {
        var preferences = LZ4F_preferences_t()
        preferences.frameInfo.blockSizeID = LZ4F_max64KB
        preferences.frameInfo.blockMode = LZ4F_blockIndependent
        return preferences
    }

    /// - Parameter level: 1 to 17, where 9 is the fast compressor, as in Kafka. Of LZ4HC's own
    ///   levels liblz4 has 3 to 12: it takes lower ones as fast, and higher ones as 12.
    static func compress(
        _ bytes: ByteSlice, level: Int32? = nil
    ) throws(RecordError) -> ByteSlice {
        var preferences = preferences()
        if let level, level != fastLevel { preferences.compressionLevel = level }
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

        var output = DecompressionOutput(
            compressedBytes: bytes.count, expected: blockBytes(of: bytes), bytesMax: bytesMax)
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

    /// What the blocks of the first frame come to at most, as far as they can be walked; 0 where
    /// there are none. Only a guess of what to reserve: nothing else believes it.
    private static func blockBytes(of frame: ByteSlice) -> Int {
        frame.withUnsafeBytes { bytes in
            func word(_ at: Int) -> UInt32 {
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
            }
            guard bytes.count >= 7, word(0) == 0x184D_2204 else { return 0 }
            let flags = bytes[4]
            let size = Int(bytes[5] >> 4 & 7)
            guard size >= 4 else { return 0 }
            let checksumBytes = flags & 0x10 != 0 ? 4 : 0
            var at = 7 + (flags & 0x08 != 0 ? 8 : 0) + (flags & 0x01 != 0 ? 4 : 0)
            var blocks = 0
            while at + 4 <= bytes.count, word(at) != 0 {
                at += 4 + Int(word(at) & 0x7FFF_FFFF) + checksumBytes
                blocks += 1
            }
            // 64 KiB, 256 KiB, 1 MiB or 4 MiB each.
            return blocks << (8 + 2 * size)
        }
    }

    fileprivate static func failure(_ code: Int) -> RecordError {
        .badCompression(.lz4, String(cString: LZ4F_getErrorName(code)))
    }
}

/// Writes one LZ4 frame piece by piece, of the same form as `CompressionCodec.lz4` compresses a
/// whole. One thread at a time.
package final class LZ4FrameWriter {
    private let context: OpaquePointer
    private var preferences: LZ4F_preferences_t

    package init() throws(RecordError) {
        var created: OpaquePointer?
        let code = LZ4F_createCompressionContext(&created, UInt32(LZ4F_VERSION))
        guard LZ4F_isError(code) == 0, let created else { throw LZ4Frame.failure(code) }
        context = created
        preferences = LZ4Frame.preferences()
    }

    deinit { LZ4F_freeCompressionContext(context) }

    /// The most that `append` of so many bytes, and `end` after it, write.
    package func bytesMax(of count: Int) -> Int { LZ4F_compressBound(count, &preferences) }

    /// The frame's header. Call it first.
    package func begin(_ out: inout ByteWriter) throws(RecordError) {
        try out.append(upTo: Int(LZ4F_HEADER_SIZE_MAX)) { (room) throws(RecordError) in
            try check(LZ4F_compressBegin(context, room.baseAddress, room.count, &preferences))
        }
    }

    /// Compresses `bytes`. A part of them may come out only with what follows.
    package func append(
        _ bytes: UnsafeRawBufferPointer, to out: inout ByteWriter
    ) throws(RecordError) {
        try out.append(upTo: bytesMax(of: bytes.count)) { (room) throws(RecordError) in
            try check(
                LZ4F_compressUpdate(
                    context, room.baseAddress, room.count, bytes.baseAddress, bytes.count, nil))
        }
    }

    /// What is left, and the frame's end.
    package func end(_ out: inout ByteWriter) throws(RecordError) {
        try out.append(upTo: bytesMax(of: 0)) { (room) throws(RecordError) in
            try check(LZ4F_compressEnd(context, room.baseAddress, room.count, nil))
        }
    }

    private func check(_ code: Int) throws(RecordError) -> Int {
        if LZ4F_isError(code) != 0 { throw LZ4Frame.failure(code) }
        return code
    }
}
