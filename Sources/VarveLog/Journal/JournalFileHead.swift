internal import VarvePlatform

/// What a journal file begins with; durable before the entries of its round. Big-endian:
///
///     offset size field
///          0    4 magic "VJF1"
///          4    4 CRC-32C of the 16 bytes behind it
///          8    8 round: which time the file is written from the start, over both files
///         16    8 key
///         24      zeros up to byte 64
///
/// The key is random, and each entry of the round repeats it: so nothing else counts as one, be it
/// what an earlier round has left, or a client's record that looks like an entry.
struct JournalFileHead: Equatable, Sendable {
    static let byteCount = 64
    private static let magic: UInt32 = 0x564A_4631

    let round: UInt64
    let key: UInt64

    init(round: UInt64, key: UInt64) {
        self.round = round
        self.key = key
    }

    /// Nil where the bytes are no head, or damaged.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.byteCount else { return nil }
        func number(_ at: Int) -> UInt64 {
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        }
        let checksum = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[8..<24]))
        guard number(0) == UInt64(Self.magic) << 32 | UInt64(checksum) else { return nil }
        self.init(round: number(8), key: number(16))
    }

    var bytes: ByteSlice {
        var fields = ByteWriter(capacity: Self.byteCount)
        fields.int64(Int64(bitPattern: round))
        fields.int64(Int64(bitPattern: key))
        var writer = ByteWriter(capacity: Self.byteCount)
        writer.uint32(Self.magic)
        writer.uint32(fields.withUnsafeBytes { CRC32C.checksum($0) })
        fields.withUnsafeBytes { writer.bytes($0) }
        writer.bytes([UInt8](repeating: 0, count: Self.byteCount - writer.count))
        return writer.finish()
    }
}
