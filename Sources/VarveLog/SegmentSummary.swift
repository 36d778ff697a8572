internal import VarvePlatform

/// What a start must know of a segment without reading it.
///
/// The `.seal` file of a closed segment holds one, and each slot of the `durable` file holds that
/// of the active segment. It is written after the bytes it speaks of were synced, so what it says
/// of them is true on disk. 104 bytes, big-endian:
///
///     offset size field
///          0    8 base offset
///          8    8 next offset: one more than the last record's
///         16    8 bytes of the .log file
///         24    8 newest record timestamp, -1 when there is none
///         32    8 last offset of the batch that has it
///         40    8 append time of the first batch, ms since 1970, -1 when unknown
///         48    8 append time of the last batch
///         56    4 entries of the .index file     60    4 their CRC-32C
///         64    4 entries of the .timeindex file 68    4 their CRC-32C
///         72    4 producers in the .producers file of the next offset; 0: none, and no file
///         76    4 entries of the .txnindex file  80    4 their CRC-32C
///         84   20 zero
struct SegmentSummary: Equatable, Sendable {
    static let byteCount = 104

    var base: Int64
    var nextOffset: Int64
    var byteCount: Int64 = 0
    var maxTimestamp: Int64 = -1
    var offsetOfMaxTimestamp: Int64 = -1
    var firstAppendTime: Int64 = -1
    var lastAppendTime: Int64 = -1
    var indexCount = 0
    var indexChecksum: UInt32 = 0
    var timeIndexCount = 0
    var timeIndexChecksum: UInt32 = 0
    var producerCount = 0
    var transactionCount = 0
    var transactionChecksum: UInt32 = 0

    init(base: Int64) {
        self.base = base
        nextOffset = base
    }

    func write(to writer: inout ByteWriter) {
        for value in [
            base, nextOffset, byteCount, maxTimestamp, offsetOfMaxTimestamp, firstAppendTime,
            lastAppendTime,
        ] { writer.int64(value) }
        writer.uint32(UInt32(indexCount))
        writer.uint32(indexChecksum)
        writer.uint32(UInt32(timeIndexCount))
        writer.uint32(timeIndexChecksum)
        writer.uint32(UInt32(producerCount))
        writer.uint32(UInt32(transactionCount))
        writer.uint32(transactionChecksum)
        writer.bytes([UInt8](repeating: 0, count: 20))
    }

    init(reading reader: inout ByteReader) throws(ByteReadError) {
        base = try reader.int64()
        nextOffset = try reader.int64()
        byteCount = try reader.int64()
        maxTimestamp = try reader.int64()
        offsetOfMaxTimestamp = try reader.int64()
        firstAppendTime = try reader.int64()
        lastAppendTime = try reader.int64()
        indexCount = Int(try reader.uint32())
        indexChecksum = try reader.uint32()
        timeIndexCount = Int(try reader.uint32())
        timeIndexChecksum = try reader.uint32()
        producerCount = Int(try reader.uint32())
        transactionCount = Int(try reader.uint32())
        transactionChecksum = try reader.uint32()
        try reader.skip(20)
    }
}

/// The `.seal` file: 8 bytes of magic, the summary, CRC-32C of both.
///
/// A segment without a valid seal is read from end to end at the next start; removing the seal is
/// therefore how a running log asks for that.
enum SegmentSeal {
    private static let magic = "VarveSG1"

    static func bytes(_ summary: SegmentSummary) -> ByteSlice {
        var writer = ByteWriter(capacity: 128)
        writer.utf8(magic)
        summary.write(to: &writer)
        let checksum = writer.withUnsafeBytes { CRC32C.checksum($0) }
        writer.uint32(checksum)
        return writer.finish()
    }

    /// Nil when `bytes` are no seal, or damaged.
    static func summary(_ bytes: ByteSlice) -> SegmentSummary? {
        let checkedCount = magic.utf8.count + SegmentSummary.byteCount
        guard bytes.count == checkedCount + 4, bytes[0..<8].string == magic else { return nil }
        let found = bytes[0..<checkedCount].withUnsafeBytes { CRC32C.checksum($0) }
        var reader = ByteReader(bytes, at: 8)
        guard let summary = try? SegmentSummary(reading: &reader),
            (try? reader.uint32()) == found
        else { return nil }
        return summary
    }
}
