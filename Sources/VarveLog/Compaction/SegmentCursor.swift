internal import VarvePlatform
internal import VarveRecords

/// Goes through a closed segment's batches from the first to the last, each verified (I2).
struct SegmentCursor {
    let file: any DiskFile
    private let byteCount: Int64
    private let nextOffset: Int64
    private(set) var position: Int64 = 0
    private var expected: Int64
    private var window = ByteSlice()
    private var windowStart: Int64 = 0

    private static let windowBytes = 1 << 20

    /// - Parameter nextOffset: all the segment's offsets lie from `base` to before this.
    init(file: any DiskFile, base: Int64, byteCount: Int64, nextOffset: Int64) {
        self.file = file
        self.byteCount = byteCount
        self.nextOffset = nextOffset
        expected = base
    }

    /// The next batch; nil at the end. `bytes` are good as long as they are held.
    /// - Throws: `.corrupt` where there is no whole, valid batch in its order; `.io`.
    mutating func next() throws(LogError) -> (header: RecordBatchHeader, bytes: ByteSlice)? {
        guard position < byteCount else { return nil }
        let head = try bytes(RecordBatchHeader.byteCount)
        let header: RecordBatchHeader
        do throws(RecordError) {
            header = try head.withUnsafeBytes { (raw) throws(RecordError) in
                try RecordBatchHeader(parsing: raw)
            }
        } catch {
            throw corrupt("\(error)")
        }
        guard header.baseOffset >= expected, header.lastOffsetDelta >= 0,
            header.nextOffset <= nextOffset
        else { throw corrupt("offset \(header.baseOffset) is out of its order") }
        let batch = try bytes(header.totalByteCount)
        do throws(RecordError) {
            _ = try batch.withUnsafeBytes { (raw) throws(RecordError) in
                try RecordBatchHeader.verified(raw)
            }
        } catch {
            throw corrupt("\(error)")
        }
        position += Int64(header.totalByteCount)
        expected = header.nextOffset
        return (header, batch)
    }

    /// `count` bytes from the position on; fewer at the end of the segment.
    private mutating func bytes(_ count: Int) throws(LogError) -> ByteSlice {
        let count = Int(min(Int64(count), byteCount - position))
        if position < windowStart || position + Int64(count) > windowStart + Int64(window.count) {
            let wanted = Int(min(Int64(max(count, Self.windowBytes)), byteCount - position))
            let (file, start) = (file, position)
            do throws(SystemError) {
                window = try ByteSlice(filling: wanted) { (buffer) throws(SystemError) in
                    try file.read(into: buffer, at: start)
                }
            } catch {
                throw .io(error)
            }
            windowStart = position
        }
        let from = Int(position - windowStart)
        guard from + count <= window.count else {
            throw corrupt("the file is shorter than its seal says")
        }
        return window[from..<from + count]
    }

    private func corrupt(_ reason: String) -> LogError {
        .corrupt(path: file.path, position: position, reason: reason)
    }
}
