import Testing
import VarvePlatform
import VarveRecords
import VarveSimulation

@testable import VarveLog

/// What one partition must hold and may have let go, record by record, told apart from the log
/// itself: which records retention, a trim or compaction may have taken, and why.
struct CleaningModel {
    struct Entry {
        let record: Record
        /// The batch it came in.
        let batch: Int64
        /// Its key has a later record that was closed off when a compaction began, or it has no
        /// key: compaction may take it.
        var isSuperseded = false
        /// For a tombstone: the earliest time from which compaction may take it, by the first
        /// compaction that may have met it.
        var horizonMin: Int64?
        /// The latest time that a compaction which may have met it wrote into its batch.
        var horizonLast: Int64 = 0
        /// The time from which it must be gone after a whole compaction, once one has met it.
        var horizonMax: Int64?
        /// It is a transaction's marker; the horizons are its as a tombstone's are.
        var isMarker = false
        /// A tombstone or marker past its time was in reach of a compaction.
        var isExpired = false
        /// A reader has missed it: it must not come back (I3).
        var isSeenGone = false

        var mayBeGone: Bool { isSuperseded || isExpired }
    }

    struct Batch {
        let header: RecordBatchHeader
        let appendTime: Int64
        /// Newest time its records claim.
        let maxTimestamp: Int64
        /// What it says as a transaction's marker; nil where it is none.
        var isCommit: Bool?
    }

    /// By offset.
    var entries: [Int64: Entry] = [:]
    /// By base offset.
    var batches: [Int64: Batch] = [:]
    /// Everything below was acknowledged, or shown to a reader.
    var durableEnd: Int64 = 0
    /// What trims and retention returned.
    var startOffset: Int64 = 0
    /// The furthest a trim or retention may have got, whether or not it returned.
    var startMax: Int64 = 0
    let violations = Violations()

    /// What was found wrong, in order.
    final class Violations {
        var list: [String] = []
    }

    func require(_ isRight: Bool, _ what: @autoclosure () -> String) {
        if !isRight { violate(what()) }
    }

    private func violate(_ what: String) { violations.list.append(what) }

    mutating func appended(
        _ records: [Record], _ header: RecordBatchHeader, at base: Int64, _ now: Int64,
        isCommit: Bool? = nil
    ) {
        for offset in entries.keys where offset >= base { entries[offset] = nil }
        for other in batches.keys where other >= base { batches[other] = nil }
        var header = header
        header.baseOffset = base
        batches[base] = Batch(
            header: header, appendTime: now,
            maxTimestamp: records.map(\.timestamp).max() ?? -1, isCommit: isCommit)
        for (index, record) in records.enumerated() {
            var placed = record
            placed.offset = base + Int64(index)
            entries[placed.offset] = Entry(
                record: placed, batch: base, isMarker: header.attributes.isControl)
        }
    }

    // MARK: Compaction

    /// A compaction is about to begin: `end` bounds what it can reach.
    /// REQUIRES: `end` is not beyond the last stable offset.
    mutating func compactionBegins(end: Int64, deleteRetention: Int64, now: Int64) {
        let aborted = abortedBatches
        var latest: [ByteSlice: Int64] = [:]
        for (offset, entry) in entries where offset < end && !entry.isMarker {
            // What was aborted goes, and makes nothing else go.
            if aborted.contains(entry.batch) {
                entries[offset]!.isSuperseded = true
                continue
            }
            guard let key = entry.record.key else { continue }
            latest[key] = max(latest[key] ?? -1, offset)
        }
        for (offset, entry) in entries
        where offset < end && !entry.isMarker && !aborted.contains(entry.batch) {
            guard let key = entry.record.key else {
                entries[offset]!.isSuperseded = true
                continue
            }
            // Also where a later one would make it go: that may be out of the compaction's reach.
            if entry.record.value == nil {
                entries[offset]!.horizonLast = max(entry.horizonLast, now + deleteRetention)
            }
            if offset < latest[key]! {
                entries[offset]!.isSuperseded = true
            } else if entry.record.value == nil {
                let horizon = min(entry.horizonMin ?? Int64.max, now + deleteRetention)
                entries[offset]!.horizonMin = horizon
                // Also in the first compaction: it may take several passes.
                if now >= horizon { entries[offset]!.isExpired = true }
            }
        }
        markersBegin(end: end, deleteRetention: deleteRetention, now: now)
    }

    /// A whole compaction came back: every key below `end` is there once.
    mutating func compactionEnded(
        end: Int64, now: Int64, _ log: PartitionLog, _ context: String
    ) throws {
        let aborted = abortedBatches
        var seen: [ByteSlice: Int64] = [:]
        for (header, bytes) in try log.everything() where !header.attributes.isControl {
            for record in try RecordBatch.records(in: bytes)
            where record.offset < end && record.offset >= log.startOffset {
                require(
                    !aborted.contains(header.baseOffset),
                    "\(context): offset \(record.offset) was aborted and stayed")
                guard let key = record.key else {
                    violate("\(context): offset \(record.offset) without a key stayed")
                    continue
                }
                if let other = seen[key] {
                    violate(
                        "\(context): key \(key) is at \(other) and \(record.offset) below \(end)")
                }
                seen[key] = record.offset
                if record.value == nil, let horizon = entries[record.offset]?.horizonMax {
                    require(
                        now < horizon,
                        "\(context): tombstone \(record.offset) outlived \(horizon)")
                }
            }
        }
        for (offset, entry) in entries
        where offset < end && entry.record.value == nil && !entry.isMarker {
            // The earliest whole compaction has stamped it at the latest; one that was cut off
            // may have done it before, with another time.
            if entry.horizonMax == nil { entries[offset]!.horizonMax = entry.horizonLast }
        }
    }

    // MARK: Retention

    /// Holds a plan of retention against what was appended: nothing goes before its time.
    mutating func retentionBegins(
        _ plan: [RetentionAction], _ configuration: TopicConfiguration, bytes: Int64, now: Int64,
        _ context: String
    ) {
        var remaining = bytes
        for action in plan {
            let inside = batches.filter {
                $0.key >= action.baseOffset && $0.key < action.nextOffset
            }
            switch action.reason {
            case .time:
                let limit = configuration.retentionMilliseconds
                let isKept = inside.values.contains { batch in
                    let time: Int64
                    if configuration.retentionUsesRecordTime {
                        // What compaction took does not hold its segment any more.
                        let left = entries.values.filter {
                            $0.batch == batch.header.baseOffset && !$0.mayBeGone
                        }
                        time = left.map(\.record.timestamp).max() ?? -1
                    } else {
                        time = batch.appendTime
                    }
                    return time >= 0 && now - time <= limit ?? Int64.max
                }
                // A segment without a batch has no time of its own.
                require(
                    configuration.isDeleting && (!isKept || action.byteCount == 0),
                    "\(context): \(action) goes before its time")
            case .size:
                remaining -= action.byteCount
                require(
                    configuration.isDeleting
                        && remaining >= configuration.retentionBytes ?? Int64.max,
                    "\(context): \(action) leaves too little")
            case .trimmed:
                require(action.nextOffset <= startMax, "\(context): \(action) was not trimmed")
            }
            if action.reason != .size { remaining -= action.byteCount }
            startMax = max(startMax, action.nextOffset)
        }
    }

    // MARK: What is there

    /// Holds the log against the model, and takes what is readable as shown.
    mutating func check(_ log: PartitionLog, _ context: String) throws {
        require(log.isOnline, "\(context): offline: \(String(describing: log.failure))")
        let start = log.startOffset
        require(start >= startOffset, "\(context): start \(start) went back")
        require(
            start <= max(startMax, startOffset) || durableEnd <= start,
            "\(context): start \(start) was never asked for")
        require(
            log.durableEnd >= durableEnd,
            "\(context): end \(log.durableEnd), acknowledged \(durableEnd)")
        var found: Set<Int64> = []
        var foundBatches: Set<Int64> = []
        var next = Int64(0)
        for (header, bytes) in try log.everything() {
            require(header.baseOffset >= next, "\(context): \(header.baseOffset) after \(next)")
            next = header.nextOffset
            guard checkBatch(header, context) else { continue }
            foundBatches.insert(header.baseOffset)
            for record in try RecordBatch.records(in: bytes) {
                found.insert(record.offset)
                guard let entry = entries[record.offset] else {
                    violate("\(context): offset \(record.offset) was never appended")
                    continue
                }
                require(entry.record == record, "\(context): offset \(record.offset) changed")
                require(
                    !entry.isSeenGone || record.offset < start,
                    "\(context): offset \(record.offset) came back")
            }
        }
        for (offset, entry) in entries where offset >= start && !found.contains(offset) {
            if offset < durableEnd {
                require(entry.mayBeGone, "\(context): acknowledged offset \(offset) is gone")
                entries[offset]!.isSeenGone = true
            } else if !foundBatches.contains(entry.batch) {
                entries[offset] = nil
            } else {
                violate("\(context): offset \(offset) is missing in its batch")
            }
        }
        for base in batches.keys where base >= durableEnd && !foundBatches.contains(base) {
            batches[base] = nil
        }
        durableEnd = max(durableEnd, log.durableEnd)
        startOffset = start
        startMax = max(startMax, start)
        checkProducers(foundBatches, start, context)
        try checkTransactions(log, context)
    }

    /// A batch keeps its bounds, producer and codec, whatever compaction took out of it.
    private func checkBatch(_ header: RecordBatchHeader, _ context: String) -> Bool {
        guard let batch = batches[header.baseOffset] else {
            violate("\(context): batch \(header.baseOffset) was never appended")
            return false
        }
        let was = batch.header
        require(
            header.lastOffsetDelta == was.lastOffsetDelta && header.producerID == was.producerID
                && header.producerEpoch == was.producerEpoch
                && header.baseSequence == was.baseSequence
                && (header.attributes.codec == was.attributes.codec || header.recordCount == 0),
            "\(context): batch \(header.baseOffset) changed: \(header), was \(was)")
        return true
    }

    /// The last batch of each producer is there, or its shell.
    private func checkProducers(_ found: Set<Int64>, _ start: Int64, _ context: String) {
        for (id, batch) in lastBatches where batch.header.baseOffset >= start {
            require(
                found.contains(batch.header.baseOffset),
                "\(context): the last batch of producer \(id), \(batch.header.baseOffset), is gone")
        }
    }

    /// The last batch of each producer, by its id.
    var lastBatches: [Int64: Batch] {
        var last: [Int64: Batch] = [:]
        for batch in batches.values
        where batch.header.hasProducer && !batch.header.attributes.isControl {
            if batch.header.baseOffset > last[batch.header.producerID]?.header.baseOffset ?? -1 {
                last[batch.header.producerID] = batch
            }
        }
        return last
    }
}
