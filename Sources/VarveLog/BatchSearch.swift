internal import VarvePlatform
internal import VarveRecords

/// The search for the next valid batch inside damage, byte by byte, in one pass over the file
/// (I5: no valid batch is missed; I8: bounded time and memory, whatever the bytes are).
///
/// Any byte may be a batch's first. Checking each place that looks like a header by itself would
/// read up to the file's end every time, and a client could have written records full of such
/// places. Instead one running checksum goes over the file once: with its value at a batch's
/// first checked byte and at its end, the checksum in between follows by arithmetic (`CRC32C
/// .difference`), so a place costs about a microsecond whatever length it claims.
///
/// Places wait in a heap for the pass to reach their ends, at most `pendingMax` of them; when it
/// is full no more are taken until those are decided, and the pass is then made again from the
/// first place not taken. A real file needs one pass.
struct BatchSearch {
    /// A place that looks like a batch's header.
    private struct Place {
        let start: Int64
        let end: Int64
        let checksum: UInt32
        /// The running checksum in front of the bytes that its own covers.
        let before: UInt32
    }

    /// 32 bytes each: 8 MiB.
    static let pendingMax = 1 << 18

    private var pending: [Place] = []
    private let pendingMax: Int
    private var running: UInt32 = 0
    private var reached: Int64
    private(set) var found: Int64?
    /// The passes that were needed.
    private(set) var passes = 0

    init(from start: Int64, pendingMax: Int = Self.pendingMax) {
        reached = start
        self.pendingMax = pendingMax
    }

    /// The first position from the start on where a valid batch stands whose base offset is within
    /// `offsets`; nil when there is none.
    mutating func run(
        _ scanner: inout BatchScanner, offsets: Range<Int64>
    ) throws(SystemError) -> Int64? {
        var from: Int64? = reached
        while found == nil, let start = from {
            reached = start
            running = 0
            passes += 1
            from = try pass(&scanner, from: start, offsets)
        }
        return found
    }

    /// One pass. Returns where places were not taken any more, for another one.
    private mutating func pass(
        _ scanner: inout BatchScanner, from start: Int64, _ offsets: Range<Int64>
    ) throws(SystemError) -> Int64? {
        let headCount = RecordBatchHeader.byteCount
        var position = start
        var refused: Int64?
        while position < scanner.size {
            let piece = try scanner.bytes(
                at: position, Int(min(Int64(BatchScanner.windowBytes), scanner.size - position)))
            if piece.isEmpty { break }
            let base = position
            // What is left of the last piece is only bytes for the checksum.
            let places = piece.count >= headCount ? piece.count - headCount + 1 : 0
            if found == nil, refused == nil {
                for at in 0..<places where piece[at + 16] == 2 {
                    guard let place = Self.place(piece, at, base, scanner.size, offsets) else {
                        continue
                    }
                    if pending.count == pendingMax {
                        refused = base + Int64(at)
                        break
                    }
                    let checked = place.start + Int64(RecordBatchHeader.checkedFrom)
                    decide(until: checked, piece, base)
                    if found != nil { break }
                    advance(to: checked, piece, base)
                    insert(
                        Place(
                            start: place.start, end: place.end, checksum: place.checksum,
                            before: running))
                }
            }
            // The next piece begins with the places that did not fit, or behind the end.
            let isLast = base + Int64(piece.count) >= scanner.size
            let next = base + Int64(isLast || places == 0 ? piece.count : places)
            decide(until: next, piece, base)
            if pending.isEmpty, found != nil || refused != nil { break }
            advance(to: next, piece, base)
            position = next
        }
        pending = []
        return refused
    }

    /// The cheap tests: what a header must have that this log wrote.
    private static func place(
        _ piece: UnsafeRawBufferPointer, _ at: Int, _ base: Int64, _ size: Int64,
        _ offsets: Range<Int64>
    ) -> (start: Int64, end: Int64, checksum: UInt32)? {
        let offset = Int64(bigEndian: piece.loadUnaligned(fromByteOffset: at, as: Int64.self))
        guard offsets.contains(offset),
            let header = try? RecordBatchHeader(
                parsing: UnsafeRawBufferPointer(
                    rebasing: piece[at..<at + RecordBatchHeader.byteCount])),
            header.lastOffsetDelta >= 0, header.nextOffset <= offsets.upperBound,
            header.recordCount >= 0, Int64(header.recordCount) <= Int64(header.lastOffsetDelta) + 1
        else { return nil }
        let start = base + Int64(at)
        let end = start + Int64(header.totalByteCount)
        return end <= size ? (start, end, header.checksum) : nil
    }

    // MARK: The running checksum

    private mutating func advance(
        to position: Int64, _ piece: UnsafeRawBufferPointer, _ base: Int64
    ) {
        guard position > reached else { return }
        running = CRC32C.checksum(
            UnsafeRawBufferPointer(
                rebasing: piece[Int(reached - base)..<Int(position - base)]), seed: running)
        reached = position
    }

    /// Decides the places that end at or before `position`.
    private mutating func decide(
        until position: Int64, _ piece: UnsafeRawBufferPointer, _ base: Int64
    ) {
        while let first = pending.first, first.end <= position {
            removeFirst()
            // Behind one that was found nothing counts.
            if let found, first.start > found { continue }
            advance(to: first.end, piece, base)
            let count = first.end - first.start - Int64(RecordBatchHeader.checkedFrom)
            let checksum = CRC32C.difference(running, first.before, byteCount: Int(count))
            guard checksum == first.checksum else { continue }
            found = first.start
            pending.removeAll { $0.start > first.start }
            heapify()
        }
    }

    // MARK: A heap, the nearest end first

    private mutating func insert(_ place: Place) {
        pending.append(place)
        var at = pending.count - 1
        while at > 0, pending[(at - 1) / 2].end > pending[at].end {
            pending.swapAt(at, (at - 1) / 2)
            at = (at - 1) / 2
        }
    }

    private mutating func removeFirst() {
        let last = pending.removeLast()
        guard !pending.isEmpty else { return }
        pending[0] = last
        sink(0)
    }

    private mutating func heapify() {
        for at in pending.indices.reversed() { sink(at) }
    }

    private mutating func sink(_ start: Int) {
        var at = start
        while true {
            var least = at
            for child in [2 * at + 1, 2 * at + 2]
            where child < pending.count && pending[child].end < pending[least].end {
                least = child
            }
            if least == at { return }
            pending.swapAt(at, least)
            at = least
        }
    }
}

extension BatchScanner {
    /// The first position from `start` on where a valid batch stands whose base offset is within
    /// `offsets`; nil when there is none.
    mutating func nextBatch(
        from start: Int64, offsets: Range<Int64>
    ) throws(SystemError) -> Int64? {
        guard start < size else { return nil }
        var search = BatchSearch(from: start)
        return try search.run(&self, offsets: offsets)
    }
}
