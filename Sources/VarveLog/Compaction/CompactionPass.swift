internal import VarvePlatform
internal import VarveRecords

/// One time through a log: the keys of the dirty part into the map, as many as fit, then all
/// segments up to there written anew, oldest first.
///
/// Oldest first, because a tombstone may only go when every older record of its key is gone.
struct CompactionPass {
    let log: PartitionLog
    let plan: PartitionLog.CompactionPlan
    let now: Int64
    let memoryMax: Int
    /// When the last tombstone that stayed may go; -1 when none did.
    private(set) var lastHorizon: Int64 = -1

    init(log: PartitionLog, plan: PartitionLog.CompactionPlan, now: Int64, memoryMax: Int) {
        self.log = log
        self.plan = plan
        self.now = now
        self.memoryMax = memoryMax
    }

    /// The offset up to which the log is compacted now; nil when it was cut short.
    mutating func run(
        pace: (Int) -> Bool, _ result: inout CompactionResult
    ) throws(LogError) -> Int64? {
        let map = OffsetMap(
            bytesMax: memoryMax, keysExpected: max(0, plan.end - plan.firstDirtyOffset))
        guard let end = try fill(map, pace: pace, &result) else { return nil }
        var cleaner = BatchCleaner(
            map: map, end: end, now: now,
            deleteRetentionMilliseconds: plan.configuration.deleteRetentionMilliseconds,
            lastOffsets: plan.lastOffsets,
            transactions: TransactionCleaning(aborted: plan.aborted))
        for group in Self.groups(plan.segments.filter { $0.base < end }, plan.configuration) {
            let isDone = try log.rewriting.withLock { (_) throws(LogError) in
                try clean(group, &cleaner, pace: pace, &result)
            }
            guard isDone else { return nil }
        }
        result.passes += 1
        result.recordsRemoved += cleaner.recordsRemoved
        result.markersRemoved += cleaner.markersRemoved
        result.keylessRemoved += cleaner.keylessRemoved
        result.unreadableBatches = cleaner.unreadableBatches
        lastHorizon = cleaner.lastHorizon
        return end
    }

    // MARK: The map

    /// Notes the last offset of each key from the first dirty offset on; returns the offset from
    /// which on nothing was noted.
    private func fill(
        _ map: OffsetMap, pace: (Int) -> Bool, _ result: inout CompactionResult
    ) throws(LogError) -> Int64? {
        var transactions = TransactionCleaning(aborted: plan.aborted)
        for segment in plan.segments where segment.nextOffset > plan.firstDirtyOffset {
            var full: Int64?
            let isWhole = try forEachBatch(of: segment, pace: pace, &result) { header, bytes in
                guard !transactions.isAborted(header), !header.attributes.isControl,
                    header.lastOffset >= plan.firstDirtyOffset
                else { return true }
                full = note(bytes, in: map)
                return full == nil
            }
            if let full { return full }
            guard isWhole else { return nil }
        }
        return plan.end
    }

    /// Notes a batch's keys. Nil when all of them have been, else the first that did not fit.
    /// What cannot be read has no keys that anybody knows.
    private func note(_ batch: ByteSlice, in map: OffsetMap) -> Int64? {
        var full: Int64?
        do throws(RecordError) {
            try RecordBatch.forEachRecord(in: batch) { record in
                guard full == nil, record.offset >= plan.firstDirtyOffset, let key = record.key
                else { return }
                if !map.put(key, record.offset) { full = record.offset }
            }
        } catch {
            return full
        }
        return full
    }

    // MARK: Segments

    /// Neighbours whose bytes fit one segment together. They are merged, or a log of many small
    /// remains would be the end of compaction. Source: Kafka's `groupSegmentsBySize`.
    static func groups(
        _ segments: [Segment], _ configuration: TopicConfiguration
    ) -> [[Segment]] {
        var groups: [[Segment]] = []
        var bytes: Int64 = 0
        var entries = 0
        for segment in segments {
            let count = segment.index.writtenCount
            if let first = groups.last?.first,
                bytes + segment.byteCount <= Int64(configuration.segmentBytes),
                (entries + count) * OffsetIndexEntry.byteCount
                    <= configuration.segmentIndexBytes,
                segment.nextOffset - first.base <= Int64(Int32.max)
            {
                groups[groups.count - 1].append(segment)
            } else {
                groups.append([segment])
                bytes = 0
                entries = 0
            }
            bytes += segment.byteCount
            entries += count
        }
        return groups
    }

    /// Writes a group anew and puts the result in its place, unless that is what it was. False
    /// when it was cut short.
    private func clean(
        _ group: [Segment], _ cleaner: inout BatchCleaner, pace: (Int) -> Bool,
        _ result: inout CompactionResult
    ) throws(LogError) -> Bool {
        let bytesBefore = group.reduce(0) { $0 + $1.byteCount }
        var cleaned: CleanedSegment
        do throws(SystemError) {
            // Old and new stand side by side for a while: not at the cost of what is produced.
            guard try log.store.disk.freeBytes(log.directory) / 2 >= bytesBefore else {
                throw SystemError(
                    call: "write", errno: SystemError.enospc, subject: log.directory)
            }
            cleaned = try CleanedSegment(
                replacing: group, files: log.store.files, directory: log.directory,
                indexIntervalBytes: plan.configuration.indexIntervalBytes)
        } catch {
            throw LogError(error)
        }
        var isReplaced = false
        defer { if !isReplaced { cleaned.discard(log.store.logger) } }
        for segment in group where segment.byteCount > 0 {
            var failure: SystemError?
            var isPacing = true
            let isWhole = try forEachBatch(of: segment, pace: pace, &result) { header, bytes in
                do throws(SystemError) {
                    let written = try cleaned.append(header, bytes, cleaner.clean(header, bytes))
                    if written > 0 { isPacing = pace(written) }
                } catch {
                    failure = error
                }
                return failure == nil && isPacing
            }
            if let failure { throw LogError(failure) }
            guard isWhole else { return false }
        }
        if !cleaned.isUnchanged || group.count > 1 {
            do throws(SystemError) {
                try cleaned.finish(group)
            } catch {
                throw LogError(error)
            }
            // A failure may leave the decision standing: then only recovery, which carries it
            // out, may touch the files any more.
            isReplaced = true
            do throws(LogError) {
                isReplaced = try log.replace(
                    group, with: cleaned.segment, generation: plan.generation)
            } catch {
                isReplaced = !log.isOnline
                throw error
            }
            guard isReplaced else { return false }
        }
        result.segmentsBefore += group.count
        result.segmentsAfter += 1
        result.bytesBefore += bytesBefore
        result.bytesAfter += cleaned.segment.byteCount
        result.bytesWritten += cleaned.segment.byteCount
        return true
    }

    /// Hands over a segment's batches until `body` returns false; false when it did, or when
    /// `pace` wants an end.
    private func forEachBatch(
        of segment: Segment, pace: (Int) -> Bool, _ result: inout CompactionResult,
        _ body: (RecordBatchHeader, ByteSlice) -> Bool
    ) throws(LogError) -> Bool {
        guard segment.byteCount > 0 else { return true }
        var segment = segment
        let file: any DiskFile
        do throws(SystemError) {
            file = try segment.open()
        } catch {
            // Retention or a trim may have been here first.
            guard log.state.withLock({ $0.segments.contains { $0.base == segment.base } }) else {
                return false
            }
            throw .io(error)
        }
        var cursor = SegmentCursor(
            file: file, base: segment.base, byteCount: segment.byteCount,
            nextOffset: segment.nextOffset)
        do throws(LogError) {
            // A wrong offset, which no checksum covers, must not be written into the new segment
            // as if it were right.
            var check = try log.indexComparison(of: segment)
            while true {
                let position = cursor.position
                guard let (header, bytes) = try cursor.next() else { break }
                check.note(header, at: position)
                guard check.isRight else {
                    throw .corrupt(
                        path: file.path, position: position,
                        reason: "offset \(header.baseOffset) is not the index's")
                }
                result.bytesRead += Int64(bytes.count)
                guard log.isOnline, pace(bytes.count), body(header, bytes) else { return false }
            }
        } catch {
            // Left as it is: recovery sets damage aside, compaction never drops it (I5, I7).
            // (Or retention, a trim or a healing has been here first.)
            guard log.isCurrent(segment) else { return false }
            if case .corrupt = error { log.suspect(segment.base, error) }
            throw error
        }
        return true
    }
}
