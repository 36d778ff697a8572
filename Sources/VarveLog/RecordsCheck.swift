internal import VarvePlatform
internal import VarveRecords

/// Reads the records inside batches whose checksum is right, and tells whether a consumer can.
///
/// Bounded memory: a window of 1 MiB, or one batch where that is larger, and what it decompresses
/// to.
struct RecordsCheck {
    /// A larger batch is counted in `unread`: what a topic may hold is far below (I8).
    static let batchBytesMax = 64 << 20

    private let file: any DiskFile
    private let end: Int64
    private var window = ByteSlice()
    private var windowStart: Int64 = 0
    private(set) var recordCount: Int64 = 0
    /// Batches whose records were not looked at, by the reason.
    private(set) var unread: [String: Int64] = [:]

    /// - Parameter end: where the part of `file` ends that may be read.
    init(file: any DiskFile, end: Int64) {
        self.file = file
        self.end = end
    }

    /// What is wrong with the records of the batch at `position`; nil when nothing is.
    mutating func reason(
        against header: RecordBatchHeader, at position: Int64
    ) throws(SystemError) -> String? {
        guard header.attributes.codec?.isBuiltIn != false else {
            let codec = header.attributes.codec!
            unread["codec \(codec.name) is not in this build", default: 0] += 1
            return nil
        }
        guard header.totalByteCount <= Self.batchBytesMax else {
            unread["larger than \(Self.batchBytesMax) bytes", default: 0] += 1
            return nil
        }
        let batch = try bytes(position, header.totalByteCount)
        guard batch.count == header.totalByteCount else { return nil }
        var count: Int64 = 0
        var last: Int64 = -1
        var disorder: String?
        do throws(RecordError) {
            try RecordBatch.forEachRecord(in: batch) { record in
                // From the batch's own base offset, which need not be the right one.
                let delta = record.offset &- Self.baseOffset(of: batch)
                if delta <= last, disorder == nil {
                    disorder = "record \(count) has offset delta \(delta) after \(last)"
                }
                last = delta
                count += 1
            }
        } catch {
            return "\(error)"
        }
        recordCount += count
        return disorder
    }

    private static func baseOffset(of batch: ByteSlice) -> Int64 {
        batch.withUnsafeBytes { Int64(bigEndian: $0.loadUnaligned(as: Int64.self)) }
    }

    private mutating func bytes(
        _ position: Int64, _ count: Int
    ) throws(SystemError) -> ByteSlice {
        if position < windowStart || position + Int64(count) > windowStart + Int64(window.count) {
            windowStart = position
            let wanted = Int(
                min(Int64(max(count, BatchScanner.windowBytes)), max(0, end - position)))
            window = try ByteSlice(filling: wanted) { (buffer) throws(SystemError) in
                try file.read(into: buffer, at: position)
            }
        }
        let from = Int(position - windowStart)
        return window[from..<min(from + count, window.count)]
    }
}
