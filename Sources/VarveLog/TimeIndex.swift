internal import VarvePlatform

/// From which offset on a segment's records may be newer than a time.
///
///     offset size field
///          0    8 the newest timestamp of the segment so far, ms since 1970
///          8    4 last offset of the batch that brought it, minus the segment's base offset
///
/// Big-endian, back to back, both growing: no record before an entry's batch is newer than the
/// entry's timestamp. Source: Kafka's TimeIndex, KIP-33.
typealias TimeIndex = SparseIndex<TimeIndexEntry>

struct TimeIndexEntry: IndexEntry, Equatable {
    let timestamp: Int64
    let relativeOffset: UInt32

    static let byteCount = 12

    init(timestamp: Int64, relativeOffset: UInt32) {
        self.timestamp = timestamp
        self.relativeOffset = relativeOffset
    }

    init(reading reader: inout ByteReader) throws(ByteReadError) {
        timestamp = try reader.int64()
        relativeOffset = try reader.uint32()
    }

    func write(to writer: inout ByteWriter) {
        writer.int64(timestamp)
        writer.uint32(relativeOffset)
    }

    func follows(_ earlier: TimeIndexEntry) -> Bool {
        timestamp > earlier.timestamp && relativeOffset > earlier.relativeOffset
    }
}

extension SparseIndex where Entry == TimeIndexEntry {
    /// An offset, relative to the segment's base, before which every record is older than
    /// `timestamp`.
    func relativeOffset(notAfter timestamp: Int64) -> Int64 {
        Int64(last { $0.timestamp < timestamp }?.relativeOffset ?? 0)
    }
}
