internal import VarvePlatform
internal import VarveRecords

/// One pass over a segment file: which ranges hold no valid batch, and what the rest says.
struct SegmentScan {
    struct Invalid: Equatable {
        let range: Range<Int64>
        /// The offset after the last valid batch before the range.
        let firstOffset: Int64
        /// The offset of the first valid batch behind it; nil where there is none.
        fileprivate(set) var nextOffset: Int64?
    }

    /// A batch with a good checksum whose offset or epoch, which that does not cover, was damaged.
    struct Repair: Equatable {
        let position: Int64
        /// The offset it must have had: the one between its neighbours', or the index's.
        let baseOffset: Int64
        let batchLength: Int32
        /// Whether the offset was wrong; else only the epoch was.
        let isOffsetWrong: Bool
        /// The leader epoch that stands there.
        let epoch: Int32
    }

    /// What the scan may hold offsets against, beside each other.
    struct Bounds {
        /// The lowest offset the first batch may have.
        let expected: Int64
        /// No batch reaches beyond.
        let limit: Int64
        /// The offset after the file's last batch, where that is known.
        var end: Int64?
        /// An index whose checksum was right: where it has an entry, that is the batch's last
        /// offset.
        var index: [OffsetIndexEntry] = []
        var base: Int64 = 0
    }

    private(set) var invalid: [Invalid] = []
    private(set) var repairs: [Repair] = []
    private(set) var bytesRead: Int64 = 0
    /// Where the last range ends, valid or not: at the end of the file, or where there are zeros
    /// from there on that no known batch is missing from (`Segment.writeAhead`).
    private(set) var end: Int64 = 0
    private var bounds = Bounds(expected: 0, limit: 0)
    private var nextEntry = 0

    /// Reads `file` from `start`, a batch's first byte, to its end, and hands every valid batch
    /// to `body` in order: its header, its position, and what it says where it ends a transaction.
    /// - Parameter expected: the lowest offset the first batch may have. The checksum does not
    ///   cover offsets, so they must grow and stay below `limit`.
    /// - Parameter end: the offset after the file's last batch, where that is known.
    mutating func run(
        _ file: any DiskFile, from start: Int64, size: Int64, expecting expected: Int64,
        below limit: Int64, endingAt end: Int64? = nil,
        _ body: (RecordBatchHeader, Int64, TransactionMarker?) -> Void
    ) throws(SystemError) {
        try run(
            file, from: start, size: size, Bounds(expected: expected, limit: limit, end: end),
            body)
    }

    mutating func run(
        _ file: any DiskFile, from start: Int64, size: Int64, _ bounds: Bounds,
        _ body: (RecordBatchHeader, Int64, TransactionMarker?) -> Void
    ) throws(SystemError) {
        self.bounds = bounds
        end = size
        try BatchScanner.withWindow { (window) throws(SystemError) in
            var scanner = BatchScanner(file: file, size: size, window: window)
            var position = start
            var next = bounds.expected
            var isBehindDamage = false
            while position < size {
                if let found = try scanner.batch(at: position),
                    let header = try fitting(found, position, next, isBehindDamage, &scanner)
                {
                    if isBehindDamage {
                        invalid[invalid.count - 1].nextOffset = header.baseOffset
                        isBehindDamage = false
                    }
                    body(header, position, try scanner.marker(at: position, header))
                    next = header.nextOffset
                    position += Int64(header.totalByteCount)
                    continue
                }
                let resume = try resume(behind: position, next, &scanner)
                if resume == nil, next >= bounds.end ?? next {
                    end = try scanner.end(of: position)
                }
                if end == position { break }
                let offset = try resume.map { (at) throws(SystemError) in
                    try scanner.batch(at: at)!.baseOffset
                }
                invalid.append(
                    Invalid(
                        range: position..<(resume ?? end), firstOffset: next,
                        nextOffset: offset))
                position = resume ?? size
                isBehindDamage = true
            }
        }
        bytesRead += size - start
    }

    /// The header with an offset that fits and epoch 0, or nil when no offset does. A gap before a
    /// batch is legal (compaction, damage set aside), unless the index, or the batch behind it,
    /// says that there is none.
    private mutating func fitting(
        _ header: RecordBatchHeader, _ position: Int64, _ next: Int64, _ isBehindDamage: Bool,
        _ scanner: inout BatchScanner
    ) throws(SystemError) -> RecordBatchHeader? {
        var right = header
        right.partitionLeaderEpoch = 0
        var isKnown = false
        if let known = knownLastOffset(at: position) {
            let base = known &- Int64(header.lastOffsetDelta)
            isKnown = base >= next && known < bounds.limit
            if isKnown { right.baseOffset = base }
        }
        if !isKnown, right.baseOffset != next || isBehindDamage {
            let count = Int64(header.lastOffsetDelta) &+ 1
            let after = next &+ count
            let behind = position + Int64(header.totalByteCount)
            let nextBatch = try scanner.batch(at: behind)
            let isLast = nextBatch == nil ? try !scanner.hasContent(from: behind) : false
            let following = isLast ? bounds.end : nextBatch?.baseOffset
            if following == after, after <= bounds.limit {
                right.baseOffset = next
            } else if right.baseOffset == next {
                // What was damaged had at least this offset: the batch behind it lost its own,
                // zeroed with the sector that its first bytes lay in.
                guard !isLast, let following, following &- count > next else { return nil }
                right.baseOffset = following &- count
            }
        }
        guard right.baseOffset >= next, right.nextOffset > next, right.nextOffset <= bounds.limit
        else { return nil }
        if right != header {
            repairs.append(
                Repair(
                    position: position, baseOffset: right.baseOffset,
                    batchLength: header.batchLength,
                    isOffsetWrong: right.baseOffset != header.baseOffset,
                    epoch: header.partitionLeaderEpoch))
        }
        return right
    }

    private mutating func knownLastOffset(at position: Int64) -> Int64? {
        while nextEntry < bounds.index.count, bounds.index[nextEntry].position < position {
            nextEntry += 1
        }
        guard nextEntry < bounds.index.count, bounds.index[nextEntry].position == position else {
            return nil
        }
        return bounds.base + Int64(bounds.index[nextEntry].relativeOffset)
    }

    /// Where the next valid batch stands behind an invalid one at `position`; nil where none does.
    ///
    /// Most damage is inside a batch whose header is whole: then the next one begins where the
    /// header says, and continues its offsets. Only where it does not are all bytes searched.
    private func resume(
        behind position: Int64, _ next: Int64, _ scanner: inout BatchScanner
    ) throws(SystemError) -> Int64? {
        if let header = try scanner.header(at: position), header.baseOffset == next,
            header.lastOffsetDelta >= 0
        {
            let end = position + Int64(header.totalByteCount)
            if header.nextOffset == bounds.end, try !scanner.hasContent(from: end) { return nil }
            if let following = try scanner.batch(at: end),
                following.baseOffset == header.nextOffset, following.nextOffset <= bounds.limit
            {
                return end
            }
        }
        return try scanner.nextBatch(
            from: position + 1, offsets: next..<max(next, bounds.limit))
    }
}
