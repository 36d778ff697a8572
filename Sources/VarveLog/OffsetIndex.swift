internal import VarvePlatform

/// Where in a segment its offsets are, about every `index.interval.bytes`.
///
/// A batch behind a gap in the offsets always has an entry.
///
///     offset size field
///          0    4 last offset of a batch, minus the segment's base offset
///          4    4 position of that batch's first byte in the .log file
///
/// Big-endian, back to back, both growing. Source: Kafka's OffsetIndex.
typealias OffsetIndex = SparseIndex<OffsetIndexEntry>

struct OffsetIndexEntry: IndexEntry, Equatable {
    let relativeOffset: UInt32
    let position: UInt32

    static let byteCount = 8

    init(relativeOffset: UInt32, position: UInt32) {
        self.relativeOffset = relativeOffset
        self.position = position
    }

    init(reading reader: inout ByteReader) throws(ByteReadError) {
        relativeOffset = try reader.uint32()
        position = try reader.uint32()
    }

    func write(to writer: inout ByteWriter) {
        writer.uint32(relativeOffset)
        writer.uint32(position)
    }

    func follows(_ earlier: OffsetIndexEntry) -> Bool {
        relativeOffset > earlier.relativeOffset && position > earlier.position
    }
}

extension SparseIndex where Entry == OffsetIndexEntry {
    /// The last batch noted that ends at or before `relativeOffset`; nil where reading begins at
    /// the segment's first byte.
    func entry(notBehind relativeOffset: Int64) -> OffsetIndexEntry? {
        last { Int64($0.relativeOffset) <= relativeOffset }
    }

    /// The last offset, relative, of the batch at `position`, where there is an entry for it.
    func relativeLastOffset(at position: Int64) -> Int64? {
        guard let entry = last(where: { Int64($0.position) <= position }),
            Int64(entry.position) == position
        else { return nil }
        return Int64(entry.relativeOffset)
    }
}
