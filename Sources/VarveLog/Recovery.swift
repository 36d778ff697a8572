internal import VarvePlatform
internal import VarveRecords

/// Brings one partition's directory back into a state that can be served: idempotent, and a crash
/// inside it leaves what the next one needs (I5).
///
/// Segments with a valid seal and, in the mark's segment, everything below the mark are believed
/// unread (reads verify every batch they serve, I2). Everything else is synced, its cache dropped
/// (after a failed sync the cache shows what the disk does not have), read and judged by
/// `RecoveryTable`.
struct Recovery {
    let topic: String
    let partition: Int32
    let directory: String
    let store: LogStore
    let configuration: TopicConfiguration
    /// Wall clock, ms since 1970: the append time of batches whose own is not known, so that
    /// retention errs on keeping.
    let now: Int64
    /// Believe no seal and no mark about the contents: read everything.
    let readsEverything: Bool
    /// Nobody has been in the data directory since a clean stop.
    let isAfterCleanStop: Bool

    private(set) var report: PartitionReport
    private var markFile: DurableMarkFile
    private var mark: DurableMark? { markFile.last }
    private var segments: [Segment] = []
    private var producers: RecoveredProducers
    /// The indexes on disk of the segment that is read whole.
    private var indexCheck: IndexComparison?
    /// What the directory holds.
    private var names: [String] = []
    /// What the journal has of the partition.
    private var journaled: [JournalEntry] = []

    private var disk: any Disk { store.disk }

    init(
        topic: String, partition: Int32, directory: String, store: LogStore,
        configuration: TopicConfiguration, now: Int64, readsEverything: Bool = false,
        isAfterCleanStop: Bool = false
    ) {
        self.topic = topic
        self.partition = partition
        self.directory = directory
        self.store = store
        self.configuration = configuration
        self.now = now
        self.readsEverything = readsEverything
        self.isAfterCleanStop = isAfterCleanStop
        report = PartitionReport(topic: topic, partition: partition)
        markFile = DurableMarkFile(
            disk: store.disk, directory: directory, topicID: store.topicID)
        producers = RecoveredProducers(disk: store.disk, directory: directory, now: now)
    }

    /// The partition's state, durable and ready to serve.
    /// - Throws: `.io`, `.full` (no space to set damage aside): nothing was lost, try again.
    mutating func run() throws(LogError) -> (PartitionLog.State, DurableMarkFile) {
        do throws(SystemError) {
            report.notes += try SegmentSwap(disk: disk, directory: directory).completeAll()
            try readDirectory()
            journaled = try store.journal.entries(of: topic, store.topicID, partition)
            let bases = try liveBases()
            for (index, base) in bases.enumerated() {
                try recoverSegment(base, nextBase: index + 1 < bases.count ? bases[index + 1] : nil)
            }
            return (try finish(), markFile)
        } catch {
            throw LogError(error)
        }
    }

    // MARK: What is there

    private mutating func readDirectory() throws(SystemError) {
        if try disk.entry(directory) == nil {
            report.notes.append("the partition's directory was missing")
            try disk.createDirectory(directory)
            try disk.syncDirectory(String(directory[..<directory.lastIndex(of: "/")!]))
        }
        for name in try disk.list(directory) {
            if name.hasSuffix(".tmp") {
                try remove(name)
            } else {
                names.append(name)
            }
        }
        markFile = try DurableMarkFile(reading: directory, disk: disk, topicID: store.topicID)
        if readsEverything { try removeDamagedProducers() }
    }

    /// A producer state that cannot be believed is as good as none, and would be found damaged
    /// again and again where nothing writes it anew.
    private mutating func removeDamagedProducers() throws(SystemError) {
        var kept: [String] = []
        for name in names {
            guard let (offset, kind) = SegmentName.parse(name), kind == .producers,
                ProducerState(try disk.readAll(directory + "/" + name)) == nil
            else {
                kept.append(name)
                continue
            }
            try remove(name)
            report.notes.append("the producer state before offset \(offset) was damaged; removed")
        }
        names = kept
    }

    /// The base offsets of the segments to keep. Those wholly before the log's start were deleted
    /// already, and a power cut brought their names back.
    private mutating func liveBases() throws(SystemError) -> [Int64] {
        let all = names.compactMap { SegmentName.parse($0) }
        var bases = all.filter { $0.kind == .log }.map(\.base).sorted()
        while bases.count > 1, let mark, bases[1] <= mark.startOffset {
            report.notes.append("removed deleted segment \(bases[0])")
            for kind in SegmentName.Kind.allCases {
                let name = SegmentName.file(bases[0], kind)
                if names.contains(name) { try remove(name) }
            }
            bases.removeFirst()
        }
        let kept = Set(bases)
        for (base, kind) in all where kind != .log && !kept.contains(base) {
            if kind == .producers, try isProducersNeeded(base, bases) { continue }
            let name = SegmentName.file(base, kind)
            if try disk.entry(directory + "/" + name) != nil { try remove(name) }
        }
        return bases
    }

    /// Whether the producer state at `offset`, where no segment begins, belongs to the mark, or to
    /// a seal: the segment behind that one may be lost.
    private func isProducersNeeded(_ offset: Int64, _ bases: [Int64]) throws(SystemError) -> Bool {
        if offset >= mark?.durableEnd ?? 0 { return true }
        guard let before = bases.last(where: { $0 < offset }) else { return false }
        return try readSeal(before)?.nextOffset == offset
    }

    private mutating func remove(_ name: String) throws(SystemError) {
        try disk.remove(directory + "/" + name)
    }

    // MARK: One segment

    private mutating func recoverSegment(_ base: Int64, nextBase: Int64?) throws(SystemError) {
        let path = directory + "/" + SegmentName.file(base, .log)
        guard case .file(var size)? = try disk.entry(path) else { return }
        if segments.isEmpty { producers.begin(at: base) }
        let seal = nextBase == nil ? nil : try readSeal(base)
        if !readsEverything, let seal, seal.byteCount == size {
            var segment = Segment(files: store.files, directory: directory, summary: seal)
            segment.isSealed = true
            producers.skip(to: seal.nextOffset, count: seal.producerCount)
            try reportLost(behind: &segment, nextBase: nextBase)
            segments.append(segment)
            return
        }
        if try replayJournal(of: base, size: size, nextBase: nextBase, seal: seal),
            case .file(let grown)? = try disk.entry(path)
        {
            size = grown
        }
        if !isAfterCleanStop { try settleIndexes(of: base) }
        var (segment, start) = try knownPart(of: base, size: size, nextBase: nextBase)
        var vouched: VouchedSegment?
        if readsEverything {
            vouched = try VouchedSegment(
                base: base, size: size, seal: seal, mark: mark, isLast: nextBase == nil,
                directory: directory, store: store)
        }
        indexCheck = vouched?.check
        let findingCount = report.damages.count + report.notes.count
        if start < size {
            try scan(&segment, from: start, size: size, nextBase: nextBase)
        }
        if let vouched, findingCount == report.damages.count + report.notes.count,
            var kept = try vouched.confirmed(by: segment, indexCheck, &report.notes)
        {
            producers.skip(to: vouched.end, count: kept.producerCountAtEnd)
            if seal != nil { try reportLost(behind: &kept, nextBase: nextBase) }
            segments.append(kept)
            return
        }
        vouched?.lendTimes(to: &segment)
        if let seal, segment.byteCount < seal.byteCount, segment.nextOffset < seal.nextOffset {
            reportMissing(behind: segment, byteCount: seal.byteCount, nextOffset: seal.nextOffset)
        }
        if let nextBase {
            let state = try producers.state(behind: segments + [segment])
            segment.producersAtEnd = state.bytes
            segment.producerCountAtEnd = state.count
            segment.nextOffset = nextBase
            segment.noteTime()
        }
        segments.append(segment)
    }

    /// Syncs the file and drops its cache.
    private static func turnToDisk(_ file: any DiskFile) throws(SystemError) {
        // From here on reads tell what the disk has.
        try file.settle()
        try file.dropCache()
    }

    /// Puts into a segment what was acknowledged and only the journal has; durable on return. True
    /// where there was something.
    private mutating func replayJournal(
        of base: Int64, size: Int64, nextBase: Int64?, seal: SegmentSummary?
    ) throws(SystemError) -> Bool {
        let sealedEnd = seal?.nextOffset
        let entries = journaled.filter { entry in
            entry.head.segmentBase == base && entry.head.nextOffset > sealedEnd ?? -1
                && mark?.vouches(for: entry.head, isLast: nextBase == nil) != true
        }
        guard !entries.isEmpty else { return false }
        var segment = Segment(files: store.files, directory: directory, base: base)
        segment.exists = true
        defer { segment.closeFile() }
        let file = try segment.open()
        try Self.turnToDisk(file)
        var replay = JournalReplay(
            from: 0, expecting: base, below: Segment.offsetsEnd(base, nextBase: nextBase))
        if let mark, mark.segment.base == base, mark.segment.byteCount <= size {
            replay = JournalReplay(
                from: mark.segment.byteCount, expecting: mark.segment.nextOffset,
                below: replay.limit)
        }
        try replay.run(entries, into: file) { (entry) throws(SystemError) in
            try store.journal.batches(of: entry)
        }
        guard replay.restoredBytes > 0 else { return false }
        try file.syncData()
        report.notes.append(
            "\(replay.restoredBytes) bytes of segment \(base) came from the journal")
        return true
    }

    /// A failed write-back of an index that nobody has been told of must not fail the next sync of
    /// it, which would take the partition offline: what the file holds is never trusted anyway.
    private func settleIndexes(of base: Int64) throws(SystemError) {
        for kind in [SegmentName.Kind.index, .timeindex, .txnindex] {
            let path = directory + "/" + SegmentName.file(base, kind)
            if try disk.entry(path) != nil { try disk.open(path, .readWrite).settle() }
        }
    }

    /// The segment as far as the mark vouches for it, and where its unknown part begins.
    private mutating func knownPart(
        of base: Int64, size: Int64, nextBase: Int64?
    ) throws(SystemError) -> (Segment, Int64) {
        if !readsEverything, let mark, mark.segment.base == base, mark.segment.byteCount > 0,
            size >= mark.segment.byteCount
        {
            var segment = Segment(files: store.files, directory: directory, summary: mark.segment)
            let mustChange = size > mark.segment.byteCount || nextBase != nil
            let isUsable = mustChange ? try segment.loadIndexes(from: disk) : true
            if isUsable {
                producers.skip(to: mark.durableEnd, count: mark.segment.producerCount)
                return (segment, mark.segment.byteCount)
            }
            report.notes.append("an index of segment \(base) did not match; built anew")
        }
        var segment = Segment(files: store.files, directory: directory, base: base)
        segment.exists = true
        return (segment, 0)
    }

    private func readSeal(_ base: Int64) throws(SystemError) -> SegmentSummary? {
        let path = directory + "/" + SegmentName.file(base, .seal)
        guard try disk.entry(path) != nil,
            let seal = SegmentSeal.summary(try disk.readAll(path, bytesMax: 4096)),
            seal.base == base
        else { return nil }
        return seal
    }

    /// Reads a segment from `start` on and puts right what is wrong with it.
    private mutating func scan(
        _ segment: inout Segment, from start: Int64, size: Int64, nextBase: Int64?
    ) throws(SystemError) {
        let file = try segment.open()
        try Self.turnToDisk(file)
        let limit = Segment.offsetsEnd(segment.base, nextBase: nextBase)
        let firstAppendTime = segment.firstAppendTime
        let before = segment
        let producersBefore = producers
        // Where the last batch should end: what its offset is held against.
        let end = nextBase ?? mark?.durableEnd
        let scan = try note(
            &segment, file, from: start, size: size, below: limit, endingAt: end)
        if start > 0, scan.invalid.contains(where: { $0.range.upperBound < scan.end }) {
            // The file will be written anew, so all of it must be known, not only its tail.
            segment = Segment(files: store.files, directory: directory, base: before.base)
            segment.exists = true
            producers = producersBefore
            producers.rewind(to: before.base, behind: segments)
            try self.scan(&segment, from: 0, size: size, nextBase: nextBase)
            if firstAppendTime >= 0 { segment.firstAppendTime = firstAppendTime }
            return
        }
        let repair = SegmentRepair(
            topic: topic, partition: partition, directory: directory, base: segment.base,
            store: store, durableEnd: mark?.durableEnd ?? 0, now: now)
        try repair.restore(scan.repairs, in: file, &report)
        guard let lastInvalid = scan.invalid.last else {
            // What was written ahead in the last one goes with `clearLastBlock`.
            guard scan.end < size, nextBase != nil else { return }
            try file.truncate(to: scan.end)
            return try file.syncData()
        }

        var gaps: [Range<Int64>] = []
        var keptEnd = scan.end
        for invalid in scan.invalid {
            switch try repair.setAside(
                invalid, of: file, size: scan.end, nextBase: nextBase, &report)
            {
            case .keep: break
            case .closeGap: gaps.append(invalid.range)
            case .truncate: keptEnd = lastInvalid.range.lowerBound
            }
        }
        guard !gaps.isEmpty else {
            // A seal that speaks of the longer file would have the loss reported again.
            let seal = SegmentName.file(segment.base, .seal)
            if try disk.entry(directory + "/" + seal) != nil { try remove(seal) }
            try file.truncate(to: keptEnd)
            try file.syncData()
            return
        }
        try repair.copy(file, without: gaps, size: keptEnd).install(&markFile)
        // Positions have changed, so the indexes are built from the start.
        segment = Segment(files: store.files, directory: directory, base: segment.base)
        segment.exists = true
        let rewritten = try segment.open()
        producers = producersBefore
        let second = try note(
            &segment, rewritten, from: 0, size: try rewritten.size(), below: limit)
        guard second.invalid.isEmpty else {
            // Read twice with two answers: a sick disk, and the next start's to judge.
            throw SystemError(
                call: "read (not what was written)", errno: SystemError.eio,
                subject: rewritten.path)
        }
        if firstAppendTime >= 0 { segment.firstAppendTime = firstAppendTime }
    }

    private mutating func note(
        _ segment: inout Segment, _ file: any DiskFile, from start: Int64, size: Int64,
        below limit: Int64, endingAt end: Int64? = nil
    ) throws(SystemError) -> SegmentScan {
        var scan = SegmentScan()
        var state = try producers.state(behind: segments + [segment])
        var check = indexCheck
        try scan.run(
            file, from: start, size: size, expecting: segment.nextOffset, below: limit,
            endingAt: end
        ) { header, position, marker in
            segment.note(
                header, appendTime: now, indexIntervalBytes: configuration.indexIntervalBytes)
            segment.note(state.note(header, marker, appendTime: now), state)
            check?.note(header, at: position)
        }
        indexCheck = check
        producers.set(state)
        report.bytesScanned += scan.bytesRead
        return scan
    }

    // MARK: The whole

    private mutating func finish() throws(SystemError) -> PartitionLog.State {
        let markedEnd = mark?.durableEnd ?? 0
        if segments.isEmpty {
            segments = [Segment(files: store.files, directory: directory, base: markedEnd)]
        }
        try clearLastBlock()
        let last = segments[segments.count - 1]
        // What the mark says was durable keeps its offsets, even where its bytes are gone (I3).
        let end = max(last.nextOffset, markedEnd)
        if let mark, last.base <= mark.segment.base, last.nextOffset < mark.segment.nextOffset {
            reportMissing(
                behind: last, byteCount: mark.segment.byteCount, nextOffset: mark.durableEnd)
        }
        let startOffset = min(end, max(mark?.startOffset ?? 0, segments[0].base))
        reportLostStart(startOffset)
        if !report.damages.isEmpty {
            // So that the next start neither believes the old positions nor reports this again.
            try markFile.write(
                DurableMark(
                    sequence: 0, startOffset: startOffset, durableEnd: end,
                    isCleanStop: false, segment: SegmentSummary(base: last.base)))
        }
        var state = PartitionLog.State(
            configuration: configuration, segments: segments,
            startOffset: startOffset, endOffset: end,
            durable: PartitionLog.DurablePoint(
                end: end, segmentBase: last.base, position: last.byteCount,
                maxTimestamp: last.maxTimestamp))
        state.producers = try producers.state(behind: segments)
        state.producers.expire(now: now, expiryMilliseconds: store.producerExpiryMilliseconds)
        // A segment that the mark does not know may have a name that is not durable.
        let isStopClean = mark.map { $0.isCleanStop && $0.segment.base == last.base }
        report.wasClean =
            isStopClean ?? !last.exists && report.bytesScanned == 0 && report.damages.isEmpty
        if !report.wasClean {
            try disk.syncDirectory(directory)
            state.needsMark = last.exists
        }
        state.lastUseTime = now
        return state
    }

    /// Makes sure that nothing of an earlier life stands behind the end that appends go on from.
    private mutating func clearLastBlock() throws(SystemError) {
        let last = segments.count - 1
        guard segments[last].exists else { return }
        if isAfterCleanStop, let mark, mark.isCleanStop, mark.segment.base == segments[last].base,
            mark.segment.byteCount == segments[last].byteCount
        {
            return
        }
        let file = try segments[last].open()
        let end = segments[last].byteCount
        do throws(SystemError) {
            segments[last].mustNotGrow = try !LastBlock.clear(file, behind: end)
        } catch {
            // Perhaps what an earlier life wrote behind the end could not be written back, and
            // nobody had heard of it.
            try file.settle()
            segments[last].mustNotGrow = try !LastBlock.clear(file, behind: end)
        }
    }

    /// The mark moves to a new start before a file goes: what it says is there, and is not, was in
    /// files that somebody lost. What was never durable was nobody's.
    private mutating func reportLostStart(_ startOffset: Int64) {
        guard let mark, mark.startOffset < min(startOffset, mark.durableEnd) else { return }
        report.damages.append(
            Damage(
                kind: .corruption,
                path: directory + "/" + SegmentName.file(mark.startOffset, .log), position: 0,
                byteCount: 0, firstOffset: mark.startOffset,
                nextOffset: min(startOffset, mark.durableEnd), quarantine: ""))
    }

    /// A sealed segment goes up to where the next one begins: what is missing in between was in
    /// files that somebody lost. Sealed anew, the gap counts as the segment's own from now on.
    private mutating func reportLost(
        behind segment: inout Segment, nextBase: Int64?
    ) throws(SystemError) {
        guard let nextBase, segment.nextOffset < nextBase else { return }
        report.damages.append(
            Damage(
                kind: .corruption,
                path: directory + "/" + SegmentName.file(segment.nextOffset, .log), position: 0,
                byteCount: 0, firstOffset: segment.nextOffset, nextOffset: nextBase,
                quarantine: ""))
        // The snapshot at the new end was of a segment that is gone.
        let state = try producers.state(behind: segments + [segment])
        segment.producersAtEnd = state.bytes
        segment.producerCountAtEnd = state.count
        segment.nextOffset = nextBase
        segment.isSealed = false
    }

    /// Bytes that the mark or the seal vouches for and that are not in the file any more, unless
    /// they have just been set aside.
    private mutating func reportMissing(
        behind segment: Segment, byteCount: Int64, nextOffset: Int64
    ) {
        let path = segment.path(.log)
        guard !report.damages.contains(where: { $0.path == path }) else { return }
        report.damages.append(
            Damage(
                kind: .corruption, path: path, position: segment.byteCount,
                byteCount: max(0, byteCount - segment.byteCount), firstOffset: segment.nextOffset,
                nextOffset: nextOffset, quarantine: ""))
    }
}
