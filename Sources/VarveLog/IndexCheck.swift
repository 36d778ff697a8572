internal import VarvePlatform
internal import VarveRecords

/// Holds the entries of a segment's indexes against its batches, in one pass beside them.
struct IndexCheck {
    private let base: Int64
    private let offsets: [OffsetIndexEntry]
    private let times: [TimeIndexEntry]
    private var nextOffset = 0
    private var nextTime = 0
    private var newest: Int64 = -1
    private var expected: Int64
    /// Every entry so far was right, and no batch behind a gap was without one.
    private(set) var isRight = true

    /// - Parameter offsets: entries of batches that will be noted; the same for `times`.
    init(base: Int64, offsets: [OffsetIndexEntry], times: [TimeIndexEntry]) {
        self.base = base
        self.offsets = offsets
        self.times = times
        expected = base
    }

    /// Batches come in order, `position` by `position`.
    mutating func note(_ header: RecordBatchHeader, _ position: Int64) {
        var isListed = false
        while nextOffset < offsets.count, Int64(offsets[nextOffset].position) <= position {
            let entry = offsets[nextOffset]
            isListed =
                Int64(entry.position) == position
                && base + Int64(entry.relativeOffset) == header.lastOffset
            if !isListed { isRight = false }
            nextOffset += 1
        }
        if header.baseOffset != expected, !isListed { isRight = false }
        if header.partitionLeaderEpoch != 0 { isRight = false }
        expected = header.nextOffset
        // An entry names the batch that brought a new newest time.
        let isNewest = header.maxTimestamp > newest
        newest = max(newest, header.maxTimestamp)
        while nextTime < times.count,
            base + Int64(times[nextTime].relativeOffset) <= header.lastOffset
        {
            let entry = times[nextTime]
            if base + Int64(entry.relativeOffset) != header.lastOffset
                || entry.timestamp != header.maxTimestamp || !isNewest
            {
                isRight = false
            }
            nextTime += 1
        }
    }

    /// Whether the entries are right, when every batch was noted.
    var isComplete: Bool {
        isRight && nextOffset == offsets.count && nextTime == times.count
    }
}

extension PartitionLog {
    /// Whether the log still has this segment, with this file.
    func isCurrent(_ segment: Segment) -> Bool {
        state.withLock { state in
            state.segments.contains {
                $0.base == segment.base && $0.revision == segment.revision
            }
        }
    }

    /// A check of what a segment's index files say; the segment's own entries stay unloaded.
    /// - Throws: `.corrupt` where the files are not what was written; `.io`.
    func indexCheck(of segment: Segment) throws(LogError) -> IndexCheck {
        var segment = segment
        let isGood: Bool
        do throws(SystemError) {
            let isIndexGood = try segment.index.load(from: store.disk, segment.path(.index))
            isGood = try segment.timeIndex.load(from: store.disk, segment.path(.timeindex))
                && isIndexGood
        } catch {
            throw .io(error)
        }
        guard isGood else {
            throw .corrupt(
                path: segment.path(.index), position: 0, reason: "not what was written")
        }
        return IndexCheck(
            base: segment.base, offsets: segment.index.entries, times: segment.timeIndex.entries)
    }
}
