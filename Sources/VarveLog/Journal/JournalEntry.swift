internal import VarvePlatform

/// What one commit of one partition has in the journal: batches, and where in which segment they
/// belong. In a journal file entries stand back to back, at multiples of 8. Big-endian:
///
///     offset size field
///          0    4 magic "VJE1"
///          4    4 CRC-32C of everything behind it, up to the end of the batches
///          8   16 round and key of its file (`JournalFileHead`)
///         24    4 group: which sync of that round covers it
///         28    4 bytes of the topic's name
///         32    4 bytes of the batches
///         36    4 partition
///         40   16 topic id
///         56    8 base offset of the segment
///         64    8 position in the segment
///         72    8 offset behind the last batch
///         80      the topic's name, the batches, and zeros up to a multiple of 8
struct JournalEntry: Sendable {
    static let headBytes = 80
    static let magic: UInt32 = 0x564A_4531
    private static let checkedFrom = 8
    private static let nameBytesAt = 28
    private static let batchBytesAt = 32
    static let nameBytesMax = 249

    let head: Head
    /// Where its batches stand in the journal file.
    let batches: Range<Int64>

    /// Where it stands itself, but for the zeros behind it.
    var range: Range<Int64> {
        batches.lowerBound - Int64(Self.headBytes + head.topic.utf8.count)..<batches.upperBound
    }

    /// What an entry says of its batches.
    struct Head: Sendable {
        let topic: String
        let topicID: UniqueID
        let partition: Int32
        let file: JournalFileHead
        let group: UInt32
        let segmentBase: Int64
        let position: Int64
        let nextOffset: Int64
        let batchBytes: Int

        /// Positions of the batches in the segment.
        var range: Range<Int64> { position..<position + Int64(batchBytes) }
    }

    /// Bytes of an entry, given those of name and batches.
    static func byteCount(name: Int, batches: Int) -> Int {
        (headBytes + name + batches + 7) & ~7
    }

    /// Writes an entry whose batches `read` puts into the buffer it gets.
    static func write(
        _ head: Head, to writer: inout ByteWriter,
        _ read: (UnsafeMutableRawBufferPointer) throws(SystemError) -> Void
    ) throws(SystemError) {
        let start = writer.count
        let nameBytes = head.topic.utf8.count
        writer.uint32(magic)
        writer.uint32(0)
        writer.int64(Int64(bitPattern: head.file.round))
        writer.int64(Int64(bitPattern: head.file.key))
        writer.uint32(head.group)
        writer.uint32(UInt32(nameBytes))
        writer.uint32(UInt32(head.batchBytes))
        writer.int32(head.partition)
        writer.uniqueID(head.topicID)
        writer.int64(head.segmentBase)
        writer.int64(head.position)
        writer.int64(head.nextOffset)
        writer.utf8(head.topic)
        try writer.append(upTo: head.batchBytes) { (buffer) throws(SystemError) in
            try read(buffer)
            return buffer.count
        }
        let checksum = writer.withUnsafeBytes {
            CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[(start + checkedFrom)...]))
        }
        writer.patchInt32(Int32(bitPattern: checksum), at: start + 4)
        let end = start + byteCount(name: nameBytes, batches: head.batchBytes)
        while writer.count < end { writer.uint8(0) }
    }

    /// How many bytes the entry in front of `bytes` has but for the zeros behind it, if there is
    /// one.
    static func announcedByteCount(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= headBytes else { return nil }
        func number(_ at: Int) -> Int {
            Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
        }
        guard number(0) == Int(magic), number(nameBytesAt) <= nameBytesMax else { return nil }
        return headBytes + number(nameBytesAt) + number(batchBytesAt)
    }

    /// The entry that `bytes` is, but for the zeros behind it; nil where it is damaged.
    /// - Parameter position: of its first byte in the journal file.
    init?(_ bytes: UnsafeRawBufferPointer, at position: Int64) {
        guard bytes.count >= Self.headBytes else { return nil }
        let checked = UnsafeRawBufferPointer(rebasing: bytes[Self.checkedFrom...])
        var reader = ByteReader(ByteSlice(copying: bytes), at: 4)
        do throws(ByteReadError) {
            guard try reader.uint32() == CRC32C.checksum(checked) else { return nil }
            let file = JournalFileHead(
                round: UInt64(bitPattern: try reader.int64()),
                key: UInt64(bitPattern: try reader.int64()))
            let group = try reader.uint32()
            let nameBytes = Int(try reader.uint32())
            let batchBytes = Int(try reader.uint32())
            let partition = try reader.int32()
            let topicID = try reader.uniqueID()
            let segmentBase = try reader.int64()
            let segmentPosition = try reader.int64()
            let nextOffset = try reader.int64()
            let topic = try reader.slice(nameBytes).string
            guard batchBytes == bytes.count - Self.headBytes - nameBytes else { return nil }
            head = Head(
                topic: topic, topicID: topicID, partition: partition, file: file, group: group,
                segmentBase: segmentBase, position: segmentPosition, nextOffset: nextOffset,
                batchBytes: batchBytes)
            let start = position + Int64(Self.headBytes + nameBytes)
            batches = start..<start + Int64(batchBytes)
        } catch {
            return nil
        }
    }
}
