#if VARVE_SNAPPY
    internal import CSnappy
    internal import VarvePlatform

    /// Snappy in the two forms that Kafka's clients write.
    ///
    ///     xerial: 82 53 4E 41 50 50 59 00, version int32, compatible version int32, then blocks:
    ///             length int32, one raw Snappy block            (Java, Python, Go)
    ///     raw:    one raw Snappy block                          (librdkafka, franz-go)
    ///
    /// Writes xerial with blocks of 32 KiB, as Java does; reads both and tells them apart by the
    /// eight bytes. Source: snappy-java's SnappyOutputStream; Snappy's format_description.txt.
    enum Snappy {
        private static let magic: [UInt8] = [0x82, 0x53, 0x4E, 0x41, 0x50, 0x50, 0x59, 0]
        private static let headerBytes = 16
        private static let blockBytes = 32 << 10

        static func compress(_ bytes: ByteSlice) throws(RecordError) -> ByteSlice {
            var writer = ByteWriter(capacity: bytes.count / 2 + 64)
            writer.bytes(magic)
            writer.int32(1)
            writer.int32(1)
            var position = 0
            while position < bytes.count {
                let block = bytes[position..<min(position + blockBytes, bytes.count)]
                let lengthAt = writer.count
                writer.int32(0)
                try writer.append(
                    upTo: snappy_max_compressed_length(block.count)
                ) { (output) throws(RecordError) in
                    var count = output.count
                    let status = block.withUnsafeBytes {
                        snappy_compress(
                            $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count,
                            output.baseAddress?.assumingMemoryBound(to: CChar.self), &count)
                    }
                    guard status == SNAPPY_OK else { throw failure(status) }
                    return count
                }
                writer.patchInt32(Int32(writer.count - lengthAt - 4), at: lengthAt)
                position += block.count
            }
            return writer.finish()
        }

        static func decompress(
            _ bytes: ByteSlice, bytesMax: Int
        ) throws(RecordError) -> ByteSlice {
            var writer = ByteWriter(capacity: min(bytes.count * 2, bytesMax))
            guard bytes.count >= headerBytes, bytes[0..<magic.count].array == magic else {
                try block(bytes, into: &writer, bytesMax: bytesMax)
                return writer.finish()
            }
            // The two version numbers are ignored: one broker wrote them little-endian for years.
            var position = headerBytes
            while position < bytes.count {
                guard bytes.count - position >= 4 else {
                    throw .badCompression(.snappy, "a block's length is cut off")
                }
                let length = bytes[position..<position + 4].withUnsafeBytes {
                    Int(Int32(bigEndian: $0.loadUnaligned(as: Int32.self)))
                }
                position += 4
                guard length >= 0 && length <= bytes.count - position else {
                    throw .badCompression(.snappy, "a block of \(length) bytes does not fit")
                }
                try block(
                    bytes[position..<position + length], into: &writer, bytesMax: bytesMax)
                position += length
            }
            return writer.finish()
        }

        private static func block(
            _ bytes: ByteSlice, into writer: inout ByteWriter, bytesMax: Int
        ) throws(RecordError) {
            try bytes.withUnsafeBytes { (input) throws(RecordError) in
                let start = input.baseAddress?.assumingMemoryBound(to: CChar.self)
                var length = 0
                var status = snappy_uncompressed_length(start, input.count, &length)
                guard status == SNAPPY_OK else { throw failure(status) }
                guard length <= bytesMax - writer.count else {
                    throw .decompressedTooLarge(bytesMax: bytesMax)
                }
                try writer.append(upTo: length) { (output) throws(RecordError) in
                    status = snappy_uncompress(
                        start, input.count,
                        output.baseAddress?.assumingMemoryBound(to: CChar.self), &length)
                    guard status == SNAPPY_OK else { throw failure(status) }
                    return length
                }
            }
        }

        private static func failure(_ status: snappy_status) -> RecordError {
            .badCompression(
                .snappy, status == SNAPPY_INVALID_INPUT ? "invalid input" : "buffer too small")
        }
    }
#endif
