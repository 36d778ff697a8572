internal import VarvePlatform

/// What is written behind, after a commit: seals of closed segments, and the durable mark.
///
/// Prepared under the partition's lock at the moment the commit begins, so that it speaks of
/// exactly what the commit makes durable; carried out after the acknowledgement, so that nobody
/// waits for it.
struct UpkeepWork: Sendable {
    struct Seal: Sendable {
        let summary: SegmentSummary
        /// Producer state at its end; nil where that is on disk already.
        let producers: ByteSlice?
    }

    /// The recovery it belongs to; work from before a later one is void.
    var generation = 0
    var seals: [Seal] = []
    var mark: DurableMark?
    /// Producer state at the mark, nil when there are no producers.
    var markProducers: ByteSlice?
    /// Index files with unsynced entries.
    var indexFiles: [any DiskFile] = []

    var isEmpty: Bool { seals.isEmpty && mark == nil }
}

extension PartitionLog {
    /// A mark is written when this many bytes are durable beyond the last: as much as an unclean
    /// start may have to read of a partition's tail, some 100 ms from an SSD.
    static let markBytes: Int64 = 32 << 20
    /// A mark is written this long after an append that no mark covers.
    static let markMilliseconds: Int64 = 30_000

    /// Writes the indexes of what needs a seal or mark and notes what they say. Called with the
    /// state locked; the writes go to the page cache only.
    func planUpkeep(_ state: inout State) throws(SystemError) -> UpkeepWork {
        var work = UpkeepWork(generation: state.generation)
        for index in state.segments.indices.dropLast()
        where !state.segments[index].isSealed && !state.segments[index].isSuspect {
            guard try writeIndexes(&state.segments[index], &work) else { continue }
            work.seals.append(
                UpkeepWork.Seal(
                    summary: state.segments[index].summary,
                    producers: state.segments[index].producersAtEnd))
        }
        guard state.needsMark || state.bytesSinceMark >= Self.markBytes || !work.seals.isEmpty
        else { return work }
        // The mark vouches for the aborted transactions too, and the offset index alone for the
        // batch behind a gap: not before they could be written.
        let isWritten = try writeIndexes(&state.active, &work)
        let isVouched = isWritten && !state.active.isSuspect
        var summary =
            isVouched ? state.active.summary : SegmentSummary(base: state.active.base)
        summary.producerCount = state.producers.count
        work.mark = DurableMark(
            sequence: 0, startOffset: state.startOffset, durableEnd: state.endOffset,
            isCleanStop: false, segment: summary)
        work.markProducers = state.producers.isEmpty ? nil : state.producers.bytes
        state.needsMark = false
        state.bytesSinceMark = 0
        state.unmarkedSince = nil
        return work
    }

    /// False where the files cannot be opened, or there is no space for the entries: they stay in
    /// memory and are written another time.
    private func writeIndexes(
        _ segment: inout Segment, _ work: inout UpkeepWork
    ) throws(SystemError) -> Bool {
        do throws(SystemError) {
            if segment.index.unwrittenCount > 0 {
                let file = try store.disk.open(segment.path(.index), .create)
                try segment.index.write(to: file)
                work.indexFiles.append(file)
            }
            if segment.timeIndex.unwrittenCount > 0 {
                let file = try store.disk.open(segment.path(.timeindex), .create)
                try segment.timeIndex.write(to: file)
                work.indexFiles.append(file)
            }
            if segment.transactions.unwrittenCount > 0 {
                let file = try store.disk.open(segment.path(.txnindex), .create)
                try segment.transactions.write(to: file)
                work.indexFiles.append(file)
            }
            return true
        } catch {
            guard error.isHarmless else { throw error }
            return false
        }
    }

    /// Makes seals and mark durable. A full disk, or a file that cannot be opened, puts them off;
    /// a failed write or sync takes the partition offline (I6).
    func perform(_ work: UpkeepWork) {
        do throws(SystemError) {
            try upkeep.withLock { (file) throws(SystemError) in try carryOut(work, &file) }
        } catch {
            guard error.isHarmless else { return poison(.io(error)) }
            state.withLock { state in
                state.bytesSinceMark += Self.markBytes
                state.unmarkedSince = state.lastUseTime
            }
            store.logger?.warning(
                "checkpoint put off; the next start would read more",
                ["topic": topic, "partition": partition, "cause": error])
        }
    }

    /// The same, with the failure for the caller. Does nothing where the log was recovered or
    /// deleted since: then the files, and with a topic made anew even the directory, are others.
    func carryOut(
        _ work: UpkeepWork, _ file: inout DurableMarkFile
    ) throws(SystemError) {
        let isCurrent = state.withLock { state in
            switch state.status {
            case .online, .closed: work.generation == state.generation
            case .offline, .deleted: false
            }
        }
        guard isCurrent else { return }
        for file in work.indexFiles { try file.syncData() }
        for seal in work.seals { try writeSeal(seal) }
        if let mark = work.mark { try writeMark(mark, work.markProducers, &file) }
    }

    private func writeSeal(_ seal: UpkeepWork.Seal) throws(SystemError) {
        let base = seal.summary.base
        // Retention may have been here first.
        guard state.withLock({ $0.segments.contains { $0.base == base } }) else { return }
        if let producers = seal.producers, seal.summary.producerCount > 0 {
            try replace(SegmentName.file(seal.summary.nextOffset, .producers), producers)
        }
        try replace(SegmentName.file(base, .seal), SegmentSeal.bytes(seal.summary))
        state.withLock { state in
            guard let index = state.segments.firstIndex(where: { $0.base == base }) else { return }
            state.segments[index].isSealed = true
            state.segments[index].producersAtEnd = nil
            state.segments[index].closeFile()
        }
    }

    func writeMark(
        _ mark: DurableMark, _ producers: ByteSlice?, _ file: inout DurableMarkFile
    ) throws(SystemError) {
        var mark = mark
        let stillThere = state.withLock { state in
            // A trim may have come in between.
            mark.startOffset = max(mark.startOffset, state.startOffset)
            return state.segments.contains { $0.base == mark.segment.base }
        }
        guard stillThere else { return }
        if let producers {
            try replace(SegmentName.file(mark.durableEnd, .producers), producers)
        }
        let older = file.last?.durableEnd
        try file.write(mark)
        if let older, older != mark.durableEnd { try removeProducers(of: older) }
    }

    /// Removes the producer state of an earlier mark, unless a segment begins there.
    private func removeProducers(of offset: Int64) throws(SystemError) {
        guard !state.withLock({ $0.segments.contains { $0.base == offset } }) else { return }
        let path = directory + "/" + SegmentName.file(offset, .producers)
        if try store.disk.entry(path) != nil { try store.disk.remove(path) }
    }

    private func replace(_ name: String, _ bytes: ByteSlice) throws(SystemError) {
        try store.disk.replace(directory + "/" + name, with: bytes, inDirectory: directory)
    }
}
