internal import VarvePlatform
internal import VarveRecords

/// Mending one segment of a running log, by the rules a start goes by (`RecoveryTable`), while
/// appends and reads go on.
///
///     close     the active segment is rolled and committed first: what is mended never grows
///     examine   cache dropped, every byte read, outside every lock but `rewriting`
///     mend      offsets restored in place; invalid ranges to the quarantine, a new file without
///               them beside the old one, synced and read back
///     exchange  under `upkeep`, as short as two renames: on disk, then in memory
///
/// A power cut before `exchange` leaves the old file and perhaps a copy in the quarantine; during
/// it a segment without a seal, which the next start reads whole. Readers that hold the old file
/// finish with it.
extension PartitionLog {
    /// A segment as healing, or the scrubber, found it.
    struct Patient {
        let file: any DiskFile
        let base: Int64
        let byteCount: Int64
        /// The next segment's base.
        let limit: Int64
        let isClosed: Bool
        let isSuspect: Bool
        let isSealed: Bool
        let summary: SegmentSummary
        let generation: Int
        let revision: Int
        /// The entries of its indexes; none where the files are not what was written.
        var offsets: [OffsetIndexEntry] = []
        var times: [TimeIndexEntry] = []
        var hasIndexes = false
    }

    private struct Finding {
        var scan = SegmentScan()
        /// What the file's valid batches say, as they stand.
        var fresh: Segment
        /// Bytes that the file should have, and has not.
        var missing: Int64 = 0
        var isIndexRight = true
        var isSealRight = true

        var isWhole: Bool { scan.invalid.isEmpty && scan.repairs.isEmpty && missing == 0 }
    }

    /// Reads every segment whole, past the cache, and mends what is wrong. Appends and reads go on.
    /// - Parameter shouldStop: asked between segments.
    /// - Throws: `.poisoned`, `.closed`, `.unknownTopic`; `.io`, `.full` when damage cannot be set
    ///   aside: what was mended so far is, and the rest can be tried again.
    package func verify(
        now: Int64, shouldStop: () -> Bool = { false }
    ) throws(LogError) -> PartitionReport {
        var report = PartitionReport(topic: topic, partition: partition)
        let bases = try state.withLock { (state) throws(LogError) in
            if let failure = failure(of: state) { throw failure }
            return state.segments.filter(\.exists).map(\.base)
        }
        for base in bases where !shouldStop() { try heal(base, now: now, &report) }
        return report
    }

    /// Reads one segment whole, past the cache, and mends what is wrong with it. Does nothing
    /// where it is gone.
    func heal(
        _ base: Int64, now: Int64, _ report: inout PartitionReport
    ) throws(LogError) {
        var found = PartitionReport(topic: topic, partition: partition)
        defer {
            report.damages += found.damages
            report.notes += found.notes
            report.bytesScanned += found.bytesScanned
        }
        try rewriting.withLock { (_) throws(LogError) in
            guard var patient = try patient(base) else { return }
            var finding = try examine(patient, &found)
            if !finding.isWhole || !finding.isIndexRight, !patient.isClosed {
                guard try close(base), let closed = try self.patient(base) else { return }
                patient = closed
                finding = try examine(patient, &found)
            }
            if finding.isWhole, finding.isIndexRight, finding.isSealRight, !patient.isSuspect {
                return
            }
            if finding.isWhole, finding.isIndexRight, patient.isSuspect {
                found.notes.append("\(patient.file.path): the disk has it right")
                store.health.noteTransientRead()
            } else if finding.isWhole {
                found.notes.append("\(patient.file.path): index or seal made anew")
            }
            try mend(patient, finding, now: now, &found)
        }
        log(found)
        store.health.healed(self, base)
    }

    // MARK: Close

    /// Begins a new segment behind the one at `base` and waits until that is durable. False when
    /// the segment is gone.
    private func close(_ base: Int64) throws(LogError) -> Bool {
        let (end, mustSubmit) = try state.withLock { (state) throws(LogError) in
            if let failure = failure(of: state) { throw failure }
            guard state.active.base == base else { return (state.endOffset, false) }
            try loadActiveIndexes(of: &state)
            try roll(&state)
            state.needsMark = true
            defer { state.isQueued = true }
            return (state.endOffset, !state.isQueued)
        }
        if mustSubmit { store.commit.submit(self) }
        try waitUntilDurable(end)
        return state.withLock { $0.segments.contains { $0.base == base } }
    }

    private func waitUntilDurable(_ end: Int64) throws(LogError) {
        if store.commit.isManual { store.commit.commitNow() }
        let answer = Lock<LogError??>(nil)
        whenDurable(end) { error in
            answer.withLock { $0 = .some(error) }
            answer.signal()
        }
        if let error = answer.wait({ $0 }) ?? nil { throw error }
    }

    // MARK: Examine

    /// Nil where there is no such segment.
    func patient(_ base: Int64) throws(LogError) -> Patient? {
        let found = try state.withLock { (state) throws(LogError) -> (Patient, Segment)? in
            if let failure = failure(of: state) { throw failure }
            guard let index = state.segments.firstIndex(where: { $0.base == base }),
                state.segments[index].exists
            else { return nil }
            let file: any DiskFile
            do throws(SystemError) {
                file = try state.segments[index].open()
            } catch {
                throw .io(error)
            }
            let segment = state.segments[index]
            let isLast = index + 1 == state.segments.count
            let isClosed = !isLast && state.segments[index + 1].base <= state.durable.end
            let size =
                isClosed || base < state.durable.segmentBase
                ? segment.byteCount : base == state.durable.segmentBase ? state.durable.position : 0
            let patient = Patient(
                file: file, base: base, byteCount: size,
                limit: isLast ? state.durable.end : state.segments[index + 1].base,
                isClosed: isClosed, isSuspect: segment.isSuspect, isSealed: segment.isSealed,
                summary: segment.summary, generation: state.generation,
                revision: segment.revision)
            return (patient, segment)
        }
        guard var (patient, segment) = found else { return nil }
        // A copy's indexes: what is only looked through need not stay in memory.
        do throws(SystemError) {
            patient.hasIndexes = try segment.loadIndexes(from: store.disk)
        } catch {
            throw .io(error)
        }
        guard patient.hasIndexes else { return patient }
        patient.offsets = segment.index.entries
        if patient.isClosed {
            patient.times = segment.timeIndex.entries
        } else {
            // The rest is of batches that are not durable yet.
            patient.offsets.removeAll { Int64($0.position) >= patient.byteCount }
        }
        return patient
    }

    private func examine(
        _ patient: Patient, _ report: inout PartitionReport
    ) throws(LogError) -> Finding {
        // What the disk has lost of that is no damage: recovery takes it from the journal.
        if patient.isClosed { try syncJournaled() }
        var finding = Finding(
            fresh: Segment(files: store.files, directory: directory, base: patient.base))
        var check = IndexComparison(
            base: patient.base, entries: patient.offsets, timeEntries: patient.times)
        let interval = state.withLock { $0.configuration.indexIntervalBytes }
        do throws(SystemError) {
            try patient.file.dropCache()
            let size = min(patient.byteCount, try patient.file.size())
            finding.missing = patient.byteCount - size
            try finding.scan.run(
                patient.file, from: 0, size: size,
                SegmentScan.Bounds(
                    expected: patient.base, limit: patient.limit,
                    end: finding.missing == 0 ? patient.limit : nil, index: patient.offsets,
                    base: patient.base)
            ) { header, position, _ in
                finding.fresh.byteCount = position
                finding.fresh.note(header, appendTime: -1, indexIntervalBytes: interval)
                check.note(header, at: position)
            }
            if patient.isSealed { finding.isSealRight = try isSealRight(patient) }
        } catch {
            throw .io(error)
        }
        finding.fresh.noteTime()
        finding.isIndexRight =
            patient.hasIndexes && (check.isComplete || !patient.isClosed && check.isRight)
        report.bytesScanned += finding.scan.bytesRead
        return finding
    }

    /// Whether the seal on the disk, and the index files it vouches for, are what memory has.
    func isSealRight(_ patient: Patient) throws(SystemError) -> Bool {
        let disk = store.disk
        func path(_ kind: SegmentName.Kind) -> String {
            directory + "/" + SegmentName.file(patient.base, kind)
        }
        guard try disk.entry(path(.seal)) != nil else { return false }
        try disk.open(path(.seal), .read).dropCache()
        guard SegmentSeal.summary(try disk.readAll(path(.seal), bytesMax: 4096)) == patient.summary
        else { return false }
        for kind in [SegmentName.Kind.index, .timeindex, .txnindex]
        where try disk.entry(path(kind)) != nil {
            try disk.open(path(kind), .read).dropCache()
        }
        var segment = Segment(
            files: store.files, directory: directory, summary: patient.summary)
        return try segment.loadIndexes(from: disk)
    }

    // MARK: Mend

    private func mend(
        _ patient: Patient, _ finding: Finding, now: Int64, _ report: inout PartitionReport
    ) throws(LogError) {
        let repair = SegmentRepair(
            topic: topic, partition: partition, directory: directory, base: patient.base,
            store: store, durableEnd: patient.limit, now: now)
        do throws(SystemError) {
            try repair.restore(finding.scan.repairs, in: patient.file, &report)
        } catch {
            // Nobody knows what the file has now: all of it is verified before it is served (I6).
            if !error.isOnlyFull { poison(.io(error)) }
            throw LogError(error)
        }
        let aborted = try abortedTransactions(of: patient)
        let size = patient.byteCount - finding.missing
        var gaps: [Range<Int64>] = []
        var keptEnd = size
        do throws(SystemError) {
            for invalid in finding.scan.invalid {
                switch try repair.setAside(
                    invalid, of: patient.file, size: size, nextBase: patient.limit, &report)
                 {
                case .keep: break
                case .closeGap: gaps.append(invalid.range)
                case .truncate: keptEnd = invalid.range.lowerBound
                }
            }
            if finding.missing > 0 {
                report.damages.append(
                    Damage(
                        kind: .corruption, path: patient.file.path, position: size,
                        byteCount: finding.missing, firstOffset: finding.fresh.nextOffset,
                        nextOffset: patient.limit, quarantine: ""))
            }
            if gaps.isEmpty, keptEnd == size {
                try exchange(patient, with: nil, finding.fresh)
            } else {
                let replacement = try repair.copy(patient.file, without: gaps, size: keptEnd)
                var fresh = try readBack(replacement, patient.limit)
                for transaction in aborted { fresh.transactions.append(transaction) }
                try exchange(patient, with: replacement, fresh)
            }
        } catch {
            throw LogError(error)
        }
    }

    /// The aborted transactions whose markers stand, or stood, in the segment: damage to a marker
    /// must not make their records count. From the log where the index of them is damaged.
    private func abortedTransactions(
        of patient: Patient
    ) throws(LogError) -> [AbortedTransaction] {
        try state.withLock { (state) throws(LogError) in
            guard let index = state.segments.firstIndex(where: { $0.base == patient.base }) else {
                return []
            }
            try loadIndexes(at: index, &state)
            return state.segments[index].transactions.entries
        }
    }

    /// What a new file's batches say, read from the disk.
    private func readBack(
        _ replacement: SegmentReplacement, _ limit: Int64
    ) throws(SystemError) -> Segment {
        var fresh = Segment(files: store.files, directory: directory, base: replacement.base)
        var scan = SegmentScan()
        let interval = state.withLock { $0.configuration.indexIntervalBytes }
        try replacement.file.dropCache()
        try scan.run(
            replacement.file, from: 0, size: replacement.byteCount, expecting: replacement.base,
            below: limit
        ) { header, _, _ in
            fresh.note(header, appendTime: -1, indexIntervalBytes: interval)
        }
        guard scan.invalid.isEmpty, scan.repairs.isEmpty else {
            throw SystemError(
                call: "read (not what was written)", errno: SystemError.eio,
                subject: replacement.file.path)
        }
        fresh.noteTime()
        return fresh
    }

    // MARK: Exchange

    /// Makes `fresh` what the log knows of the segment, and `replacement` its file. Does nothing
    /// where the segment has gone, or the log was recovered, since it was examined.
    private func exchange(
        _ patient: Patient, with replacement: SegmentReplacement?, _ fresh: Segment
    ) throws(SystemError) {
        let mustSubmit = try upkeep.withLock { (mark) throws(SystemError) -> Bool in
            guard state.withLock({ isCurrent(patient, $0) }) else {
                try replacement?.discard()
                return false
            }
            do throws(SystemError) {
                if let replacement {
                    try replacement.install(&mark)
                } else {
                    try removeSeal(patient.base)
                }
            } catch {
                // Which of the two files has the name is not known, unless there was only no space
                // for the mark; the seal is gone in any case.
                if error.isOnlyFull {
                    state.withLock { noteSealGone(patient.base, &$0) }
                } else {
                    poison(.io(error))
                }
                throw error
            }
            return state.withLock { exchange(patient, fresh, &$0, hasNewFile: replacement != nil) }
        }
        if mustSubmit { store.commit.submit(self) }
    }

    func isCurrent(_ patient: Patient) -> Bool { state.withLock { isCurrent(patient, $0) } }

    private func isCurrent(_ patient: Patient, _ state: State) -> Bool {
        guard case .online = state.status, state.generation == patient.generation else {
            return false
        }
        return state.segments.contains {
            $0.base == patient.base && $0.revision == patient.revision
        }
    }

    private func noteSealGone(_ base: Int64, _ state: inout State) {
        guard let index = state.segments.firstIndex(where: { $0.base == base }) else { return }
        state.segments[index].isSealed = false
    }

    private func removeSeal(_ base: Int64) throws(SystemError) {
        let path = directory + "/" + SegmentName.file(base, .seal)
        guard try store.disk.entry(path) != nil else { return }
        try store.disk.remove(path)
        try store.disk.syncDirectory(directory)
    }

    /// In memory. Returns whether a commit has to be asked for: it writes seal and indexes anew.
    private func exchange(
        _ patient: Patient, _ fresh: Segment, _ state: inout State, hasNewFile: Bool
    ) -> Bool {
        let index = state.segments.firstIndex { $0.base == patient.base }!
        if patient.isClosed {
            state.segments[index].takeContents(of: fresh, hasNewFile: hasNewFile)
            // The durable point stays inside a segment that it fits, and in front of what a commit
            // has yet to sync.
            if state.durable.segmentBase == patient.base {
                if state.segments[index].hasUnsyncedFile {
                    state.durable.position = state.segments[index].byteCount
                } else {
                    state.durable.segmentBase = state.segments[index + 1].base
                    state.durable.position = 0
                }
            }
        } else {
            state.segments[index].isSuspect = false
        }
        count(&state)
        state.hints = state.hints.map { $0.segmentBase == patient.base ? ReadHint() : $0 }
        // What a commit planned before speaks of the old file: it is void.
        state.generation += 1
        state.needsMark = true
        defer { state.isQueued = true }
        return !state.isQueued
    }
}

extension DataDirectory {
    /// What is known of damage: found, waiting and set aside, since the directory was opened.
    package var health: HealthReport { store.health.report }

    /// Whether a read or the scrubber found damage that `heal` has not mended yet.
    package var needsHealing: Bool { store.health.hasWaiting }

    /// Mends the segments that were found damaged, and returns what it did. One that cannot be
    /// mended (no space in the quarantine, a sick disk) is tried again later. Reads whole
    /// segments: not on an event loop.
    /// - Parameter shouldStop: asked between segments.
    @discardableResult
    package func heal(
        now: Int64, shouldStop: () -> Bool = { false }
    ) -> [PartitionReport] {
        var reports: [PartitionReport] = []
        for waiting in store.health.due(now: now) where !shouldStop() {
            var report = PartitionReport(
                topic: waiting.log.topic, partition: waiting.log.partition)
            do throws(LogError) {
                try waiting.log.heal(waiting.base, now: now, &report)
                store.health.healed(waiting.log, waiting.base)
            } catch {
                report.failure = error
                switch error {
                // A recovery reads it; or there is nothing left to heal.
                case .poisoned, .closed, .unknownTopic:
                    store.health.healed(waiting.log, waiting.base)
                default:
                    store.health.putOff(waiting.log, waiting.base, now: now)
                    store.logger?.error(
                        "damage not set aside yet",
                        [
                            "topic": waiting.log.topic, "partition": waiting.log.partition,
                            "cause": "\(error)",
                        ])
                }
            }
            reports.append(report)
        }
        return reports
    }
}
