#if VARVE_ZSTD
    internal import CZstd
    internal import VarvePlatform

    /// Zstandard (RFC 8878): one frame written, any number read, with or without their size.
    enum Zstd {
        /// - Parameter level: -131072 (fast) to 22 (small).
        static func compress(
            _ bytes: ByteSlice, level: Int32? = nil
        ) throws(RecordError) -> ByteSlice {
            try ByteSlice(
                filling: ZSTD_compressBound(bytes.count)
            ) { (output) throws(RecordError) in
                let count = bytes.withUnsafeBytes {
                    ZSTD_compress(
                        output.baseAddress, output.count, $0.baseAddress, $0.count,
                        level ?? ZSTD_CLEVEL_DEFAULT)
                }
                if ZSTD_isError(count) != 0 { throw failure(count) }
                return count
            }
        }

        static func decompress(
            _ bytes: ByteSlice, bytesMax: Int
        ) throws(RecordError) -> ByteSlice {
            // The library's own bound on the window, 128 MiB, holds while streaming
            // (zstd.h, ZSTD_d_windowLogMax).
            guard let stream = ZSTD_createDStream() else {
                throw .badCompression(.zstd, "out of memory")
            }
            defer { ZSTD_freeDStream(stream) }
            return try bytes.withUnsafeBytes { (source) throws(RecordError) in
                var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
                var output = DecompressionOutput(compressedBytes: bytes.count, bytesMax: bytesMax)
                var missing = 1
                while input.pos < input.size || missing > 0 {
                    let before = input.pos
                    var produced = 0
                    try output.append { (room) throws(RecordError) in
                        var buffer = ZSTD_outBuffer(
                            dst: room.baseAddress, size: room.count, pos: 0)
                        missing = ZSTD_decompressStream(stream, &buffer, &input)
                        if ZSTD_isError(missing) != 0 { throw failure(missing) }
                        produced = buffer.pos
                        return buffer.pos
                    }
                    guard input.pos > before || produced > 0 || missing == 0 else {
                        throw .badCompression(.zstd, "the frame ends early")
                    }
                }
                return output.finish()
            }
        }

        private static func failure(_ code: Int) -> RecordError {
            .badCompression(.zstd, String(cString: ZSTD_getErrorName(code)))
        }
    }
#endif
