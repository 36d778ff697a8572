internal import VarvePlatform
internal import VarveRecords

/// Holds a segment's two indexes against its batches, while somebody walks through them.
///
/// An offset entry is right when a batch with that last offset stands at that position. A time
/// entry is right when the batch with that last offset brought that timestamp, and it was newer
/// than everything before (KIP-33). The checksum of a batch covers neither offset nor epoch: they
/// follow from the batch before, or an entry vouches for them (I2). Memory: the entries, some 2 MiB
/// for a segment of 1 GiB.
struct IndexComparison {
    struct Wrong: Equatable {
        /// Position of the entry in its file.
        let position: Int64
        let reason: String
    }

    private let base: Int64
    private let entries: [OffsetIndexEntry]
    private let timeEntries: [TimeIndexEntry]
    private var next = 0
    private var nextTime = 0
    private var newest: Int64 = -1
    private var expected: Int64
    /// A batch behind a gap had no entry, or an epoch that this log does not write.
    private var hasUnvouched = false
    /// The first wrong entry of each file.
    private(set) var wrong: Wrong?
    private(set) var wrongTime: Wrong?

    init(base: Int64, entries: [OffsetIndexEntry], timeEntries: [TimeIndexEntry]) {
        self.base = base
        self.entries = entries
        self.timeEntries = timeEntries
        expected = base
        wrong = Self.order(entries)
        wrongTime = Self.order(timeEntries)
    }

    private static func order<Entry: IndexEntry>(_ entries: [Entry]) -> Wrong? {
        for (index, pair) in zip(entries, entries.dropFirst()).enumerated()
        where !pair.1.follows(pair.0) {
            return Wrong(
                position: Int64((index + 1) * Entry.byteCount),
                reason: "entry \(index + 1) does not follow the one before it")
        }
        return nil
    }

    /// The next batch of the segment stands at `position`.
    mutating func note(_ header: RecordBatchHeader, at position: Int64) {
        var isListed = false
        while next < entries.count, Int64(entries[next].position) <= position {
            let entry = entries[next]
            isListed =
                Int64(entry.position) == position
                && base + Int64(entry.relativeOffset) == header.lastOffset
            if !isListed { noteWrong(entry) }
            next += 1
        }
        if header.baseOffset != expected && !isListed || header.partitionLeaderEpoch != 0 {
            hasUnvouched = true
        }
        expected = header.nextOffset
        while nextTime < timeEntries.count,
            base + Int64(timeEntries[nextTime].relativeOffset) <= header.lastOffset
        {
            let entry = timeEntries[nextTime]
            if base + Int64(entry.relativeOffset) != header.lastOffset
                || entry.timestamp != header.maxTimestamp || entry.timestamp <= newest
            {
                noteWrong(entry)
            }
            nextTime += 1
        }
        newest = max(newest, header.maxTimestamp)
    }

    /// Whether every entry so far was right, and every offset follows or has an entry.
    var isRight: Bool { wrong == nil && wrongTime == nil && !hasUnvouched }

    /// Whether the entries are right and there are no more, when every batch was noted.
    var isComplete: Bool {
        isRight && next == entries.count && nextTime == timeEntries.count
    }

    /// The last batch has been noted.
    mutating func finish() {
        if next < entries.count { noteWrong(entries[next]) }
        if nextTime < timeEntries.count { noteWrong(timeEntries[nextTime]) }
    }

    private mutating func noteWrong(_ entry: OffsetIndexEntry) {
        if wrong != nil { return }
        wrong = Wrong(
            position: Int64(next * OffsetIndexEntry.byteCount),
            reason: "entry \(next) (offset \(base + Int64(entry.relativeOffset)), position "
                + "\(entry.position)) points at no batch that ends there")
    }

    private mutating func noteWrong(_ entry: TimeIndexEntry) {
        if wrongTime != nil { return }
        wrongTime = Wrong(
            position: Int64(nextTime * TimeIndexEntry.byteCount),
            reason: "entry \(nextTime) (timestamp \(entry.timestamp), offset "
                + "\(base + Int64(entry.relativeOffset))) is not what the log has")
    }
}

extension IndexEntry {
    /// All whole entries in `bytes`, in the order of the file.
    static func all(in bytes: ByteSlice) -> [Self] {
        var reader = ByteReader(bytes)
        var entries: [Self] = []
        entries.reserveCapacity(bytes.count / byteCount)
        while reader.remaining >= byteCount {
            do throws(ByteReadError) {
                entries.append(try Self(reading: &reader))
            } catch {
                preconditionFailure("an entry of \(byteCount) bytes reads more: \(error)")
            }
        }
        return entries
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

    /// What a segment's index files say, to be held against its batches; the segment's own entries
    /// stay unloaded.
    /// - Throws: `.corrupt` where the files are not what was written; `.io`.
    func indexComparison(of segment: Segment) throws(LogError) -> IndexComparison {
        var segment = segment
        let isGood: Bool
        do throws(SystemError) {
            isGood = try segment.loadIndexes(from: store.disk)
        } catch {
            throw .io(error)
        }
        guard isGood else {
            throw .corrupt(
                path: segment.path(.index), position: 0, reason: "not what was written")
        }
        return IndexComparison(
            base: segment.base, entries: segment.index.entries,
            timeEntries: segment.timeIndex.entries)
    }
}
