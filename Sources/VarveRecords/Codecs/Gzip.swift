#if VARVE_GZIP
    internal import CZlib
    internal import VarvePlatform

    /// gzip (RFC 1952): one member written, any number read. Source: zlib.h.
    enum Gzip {
        /// 15 bits of window, plus 16 for the gzip wrapper (zlib.h, deflateInit2).
        private static let windowBits: Int32 = 15 + 16

        /// - Parameter level: 1 (fast) to 9 (small), or -1, zlib's default.
        static func compress(
            _ bytes: ByteSlice, level: Int32? = nil
        ) throws(RecordError) -> ByteSlice {
            var stream = z_stream()
            let code = deflateInit2_(
                &stream, level ?? Z_DEFAULT_COMPRESSION, Z_DEFLATED, windowBits, 8,
                Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
            guard code == Z_OK else { throw failure(code, stream) }
            defer { deflateEnd(&stream) }
            let bound = Int(deflateBound(&stream, UInt(bytes.count)))
            return try ByteSlice(filling: bound) { (output) throws(RecordError) in
                let code = bytes.withUnsafeBytes { input in
                    point(&stream, at: input)
                    stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    stream.avail_out = UInt32(output.count)
                    return deflate(&stream, Z_FINISH)
                }
                guard code == Z_STREAM_END else { throw failure(code, stream) }
                return output.count - Int(stream.avail_out)
            }
        }

        static func decompress(
            _ bytes: ByteSlice, bytesMax: Int
        ) throws(RecordError) -> ByteSlice {
            var stream = z_stream()
            let code = inflateInit2_(
                &stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
            guard code == Z_OK else { throw failure(code, stream) }
            defer { inflateEnd(&stream) }
            return try bytes.withUnsafeBytes { (input) throws(RecordError) in
                point(&stream, at: input)
                var output = DecompressionOutput(compressedBytes: bytes.count, bytesMax: bytesMax)
                while true {
                    var code = Z_OK
                    try output.append { room in
                        stream.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
                        stream.avail_out = UInt32(room.count)
                        code = inflate(&stream, Z_NO_FLUSH)
                        return room.count - Int(stream.avail_out)
                    }
                    switch code {
                    case Z_OK: continue
                    case Z_STREAM_END:
                        if stream.avail_in == 0 { return output.finish() }
                        // Another member follows (RFC 1952, 2.2).
                        inflateReset(&stream)
                    case Z_BUF_ERROR: throw .badCompression(.gzip, "the stream ends early")
                    default: throw failure(code, stream)
                    }
                }
            }
        }

        private static func point(_ stream: inout z_stream, at input: UnsafeRawBufferPointer) {
            // zlib's next_in is not const for old times' sake; it does not write there.
            stream.next_in = UnsafeMutablePointer(
                mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.avail_in = UInt32(input.count)
        }

        private static func failure(_ code: Int32, _ stream: z_stream) -> RecordError {
            .badCompression(.gzip, stream.msg.map { String(cString: $0) } ?? "zlib error \(code)")
        }
    }
#endif
