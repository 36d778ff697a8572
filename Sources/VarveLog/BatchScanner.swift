internal import VarvePlatform
internal import VarveRecords

/// Reads a segment file from some position on and tells, place by place, whether a valid batch
/// stands there. Bounded memory: one window, whatever the size of a batch.
struct BatchScanner {
    let file: any DiskFile
    let size: Int64
    private var window: UnsafeMutableRawBufferPointer
    private var windowStart: Int64 = 0
    private var windowCount = 0

    static let windowBytes = 1 << 20

    /// `window` is memory of `windowBytes` that the caller keeps while the scanner lives.
    init(file: any DiskFile, size: Int64, window: UnsafeMutableRawBufferPointer) {
        precondition(window.count >= RecordBatchHeader.byteCount)
        self.file = file
        self.size = size
        self.window = window
    }

    /// The bytes at `position`, as many as are there up to `count`, which must fit the window.
    mutating func bytes(
        at position: Int64, _ count: Int
    ) throws(SystemError) -> UnsafeRawBufferPointer {
        if position < windowStart || position + Int64(count) > windowStart + Int64(windowCount) {
            windowStart = position
            windowCount = try file.read(
                into: UnsafeMutableRawBufferPointer(
                    rebasing: window[..<Int(min(Int64(window.count), max(0, size - position)))]),
                at: position)
        }
        let from = Int(position - windowStart)
        return UnsafeRawBufferPointer(
            rebasing: window[from..<min(from + count, windowCount)])
    }

    /// What stands at `position`, if it has the shape of a batch's header; nothing is checked.
    mutating func header(at position: Int64) throws(SystemError) -> RecordBatchHeader? {
        guard position >= 0, position < size else { return nil }
        let head = try bytes(at: position, RecordBatchHeader.byteCount)
        return try? RecordBatchHeader(parsing: head)
    }

    /// The batch at `position` when it is whole and its checksum right, else nil.
    mutating func batch(at position: Int64) throws(SystemError) -> RecordBatchHeader? {
        let head = try bytes(at: position, RecordBatchHeader.byteCount)
        guard let header = try? RecordBatchHeader(parsing: head), header.lastOffsetDelta >= 0,
            Int64(header.totalByteCount) <= size - position
        else { return nil }
        var checksum: UInt32 = 0
        var at = position + Int64(RecordBatchHeader.checkedFrom)
        let end = position + Int64(header.totalByteCount)
        while at < end {
            let piece = try bytes(at: at, Int(min(Int64(window.count), end - at)))
            guard !piece.isEmpty else { return nil }
            checksum = CRC32C.checksum(piece, seed: checksum)
            at += Int64(piece.count)
        }
        return checksum == header.checksum ? header : nil
    }

    /// Where what stands at `position`, which is no valid batch, and all behind it end: what is
    /// left of the file is zeros. Not before a batch that begins there says that it ends.
    mutating func end(of position: Int64) throws(SystemError) -> Int64 {
        var contentEnd = size
        search: while contentEnd > position {
            let from = max(position, contentEnd - Int64(window.count))
            let piece = try bytes(at: from, Int(contentEnd - from))
            // (Somebody may have cut the file since it was measured.)
            contentEnd = from + Int64(piece.count)
            for byte in piece.reversed() {
                if byte != 0 { break search }
                contentEnd -= 1
            }
        }
        guard contentEnd > position, let header = try header(at: position) else {
            return contentEnd
        }
        return max(contentEnd, min(size, position + Int64(header.totalByteCount)))
    }

    /// Whether something else than zeros stands there or behind.
    mutating func hasContent(from position: Int64) throws(SystemError) -> Bool {
        guard position < size else { return false }
        return try end(of: position) > position
    }

    /// What the control batch at `position` says; nil where it is no end of a transaction.
    mutating func marker(
        at position: Int64, _ header: RecordBatchHeader
    ) throws(SystemError) -> TransactionMarker? {
        guard header.attributes.isControl else { return nil }
        return TransactionMarker(
            controlBatch: try bytes(
                at: position, min(header.totalByteCount, TransactionMarker.readByteCount)))
    }

    /// Runs `body` with a window.
    static func withWindow<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let window = UnsafeMutableRawBufferPointer.allocate(
            byteCount: windowBytes, alignment: 4096)
        defer { window.deallocate() }
        return try body(window)
    }
}
