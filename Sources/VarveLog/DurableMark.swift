internal import VarvePlatform

/// A lower bound of what is durable in one partition, and where a start begins to read.
///
/// The `durable` file has two slots of one sector each. Writes alternate between them and each is
/// synced before the next, so that a torn write leaves the other slot good; the valid slot with
/// the higher sequence counts. It is written behind, about every `Maintenance.markBytes`, when a
/// partition falls quiet, at a clean stop and before anything is deleted. A slot, big-endian:
///
///     offset size field
///          0    8 magic "VarveDM1"
///          8    8 sequence
///         16    8 log start offset
///         24    8 durable end: every offset below it is durable, or was deleted
///         32    4 flags: bit 0, written by a clean stop; bit 1, the topic's id is there
///         36    4 zero
///         40  104 summary of the segment with the durable end, as far as it is durable
///        144   16 topic id (not in marks of earlier versions)
///        160    4 CRC-32C of everything before
///        164      zeros
struct DurableMark: Equatable, Sendable {
    static let slotBytes = 512
    private static let magic = "VarveDM1"
    private static let idBytesAt = 144
    private static let idBytes = 16
    private static let hasID: UInt32 = 2

    var sequence: UInt64
    /// Zero where it is not known.
    var topicID = UniqueID.zero
    var startOffset: Int64
    var durableEnd: Int64
    var isCleanStop: Bool
    var segment: SegmentSummary

    var bytes: ByteSlice {
        var writer = ByteWriter(capacity: Self.slotBytes)
        writer.utf8(Self.magic)
        writer.int64(Int64(bitPattern: sequence))
        writer.int64(startOffset)
        writer.int64(durableEnd)
        writer.uint32((isCleanStop ? 1 : 0) | Self.hasID)
        writer.uint32(0)
        segment.write(to: &writer)
        writer.uniqueID(topicID)
        let checksum = writer.withUnsafeBytes { CRC32C.checksum($0) }
        writer.uint32(checksum)
        writer.bytes([UInt8](repeating: 0, count: Self.slotBytes - writer.count))
        return writer.finish()
    }

    init(
        sequence: UInt64, startOffset: Int64, durableEnd: Int64, isCleanStop: Bool,
        segment: SegmentSummary
    ) {
        self.sequence = sequence
        self.startOffset = startOffset
        self.durableEnd = durableEnd
        self.isCleanStop = isCleanStop
        self.segment = segment
    }

    /// Whether what the journal has of a segment was in that, durable, when this was written.
    /// - Parameter isLast: whether the segment is the partition's last one.
    func vouches(for entry: JournalEntry.Head, isLast: Bool) -> Bool {
        if segment.base > entry.segmentBase { return true }
        if segment.base == entry.segmentBase, entry.range.upperBound <= segment.byteCount {
            return true
        }
        return !isLast && entry.nextOffset <= durableEnd
    }

    /// Nil when the slot was never written, or is damaged.
    init?(slot bytes: ByteSlice) {
        guard bytes.count >= Self.idBytesAt + Self.idBytes + 4, bytes[0..<8].string == Self.magic
        else { return nil }
        var reader = ByteReader(bytes, at: 8)
        do throws(ByteReadError) {
            sequence = UInt64(bitPattern: try reader.int64())
            startOffset = try reader.int64()
            durableEnd = try reader.int64()
            let flags = try reader.uint32()
            isCleanStop = flags & 1 != 0
            try reader.skip(4)
            segment = try SegmentSummary(reading: &reader)
            var checkedBytes = Self.idBytesAt
            if flags & Self.hasID != 0 {
                checkedBytes += Self.idBytes
                topicID = try reader.uniqueID()
            }
            let found = bytes[..<checkedBytes].withUnsafeBytes { CRC32C.checksum($0) }
            guard try reader.uint32() == found else { return nil }
        } catch {
            return nil
        }
    }
}

/// The `durable` file of one partition. One writer at a time.
struct DurableMarkFile: Sendable {
    let disk: any Disk
    let directory: String
    let topicID: UniqueID
    private(set) var last: DurableMark?
    /// Recovery syncs the directory, so a name found at the start is durable.
    private var isNameDurable = false

    private var path: String { directory + "/durable" }

    /// The file of a new partition, not made yet.
    init(disk: any Disk, directory: String, topicID: UniqueID) {
        self.disk = disk
        self.directory = directory
        self.topicID = topicID
    }

    /// Reads the newest valid slot. A missing or damaged file is no mark at all.
    init(reading directory: String, disk: any Disk, topicID: UniqueID) throws(SystemError) {
        self.init(disk: disk, directory: directory, topicID: topicID)
        guard try disk.entry(path) != nil else { return }
        isNameDurable = true
        let file = try disk.open(path, .readWrite)
        // After a failed sync the cache shows a mark that the disk does not have.
        try file.dropCache()
        last = try Self.newest(in: file)
        // And a killed process leaves one that the disk does not have yet.
        if last?.isCleanStop != true, try !file.settle() { last = try Self.newest(in: file) }
    }

    private static func newest(in file: any DiskFile) throws(SystemError) -> DurableMark? {
        let bytes = try ByteSlice(filling: 2 * DurableMark.slotBytes) {
            (buffer) throws(SystemError) in try file.read(into: buffer, at: 0)
        }
        var last: DurableMark?
        for slot in 0..<2 where bytes.count >= (slot + 1) * DurableMark.slotBytes {
            let start = slot * DurableMark.slotBytes
            if let mark = DurableMark(slot: bytes[start..<start + DurableMark.slotBytes]),
                mark.sequence >= last?.sequence ?? 0
            {
                last = mark
            }
        }
        return last
    }

    /// Writes a newer mark; durable on return. Its sequence and topic are set here.
    /// After an error the older mark still stands.
    mutating func write(_ mark: DurableMark) throws(SystemError) {
        var mark = mark
        mark.sequence = (last?.sequence ?? 0) + 1
        mark.topicID = topicID
        // Opened for each write, which costs nothing beside the sync: a descriptor for every
        // partition would be too many (I8).
        let file = try disk.open(path, .create)
        try mark.bytes.withUnsafeBytes { (raw) throws(SystemError) in
            try file.write(raw, at: Int64(mark.sequence % 2) * Int64(DurableMark.slotBytes))
        }
        try file.syncData()
        if !isNameDurable {
            try disk.syncDirectory(directory)
            isNameDurable = true
        }
        last = mark
    }
}
