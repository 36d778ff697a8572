internal import VarvePlatform
internal import VarveRecords

/// What a compaction did.
package struct CompactionResult: Equatable, Sendable {
    package var passes = 0
    package var bytesRead: Int64 = 0
    package var bytesWritten: Int64 = 0
    /// Bytes of segments before and after.
    package var bytesBefore: Int64 = 0
    package var bytesAfter: Int64 = 0
    package var segmentsBefore = 0
    package var segmentsAfter = 0
    package var recordsRemoved = 0
    /// Markers of transactions of which nothing else was left.
    package var markersRemoved = 0
    /// Of the records, those that had no key: they were appended before the topic was compacted.
    package var keylessRemoved = 0
    /// Batches that stayed whole because their records cannot be read here.
    package var unreadableBatches = 0
    /// It ended before its time: `pace` asked for that, or the segments were changed meanwhile.
    package var wasCutShort = false
}

extension PartitionLog {
    /// Compacts the closed segments: of each key the last record stays (Kafka's rules, see
    /// `BatchCleaner`), offsets and batch bounds stay what they are.
    ///
    /// Reads and appends go on meanwhile; one compaction of a partition at a time. Whatever
    /// happens in between, each segment is the old or the new one; what was replaced is durable.
    /// - Parameter memoryMax: bytes for the map of keys. Where it is too small for all of them
    ///   there are several passes.
    /// - Parameter pace: told how many bytes were just read or written; may wait, and returns
    ///   false to have the compaction end soon. Called without locks held.
    /// - Throws: `.corrupt` where a segment is damaged, which it is left for recovery to set aside;
    ///   `.full`, `.io`: nothing half-done counts (where that cannot be known the partition is
    ///   offline); `.poisoned`, `.closed`, `.unknownTopic`.
    package func compact(
        now: Int64, memoryMax: Int, pace: (Int) -> Bool = { _ in true }
    ) throws(LogError) -> CompactionResult {
        let checkpoint = try compactionCheckpoint()
        let isAlone = try state.withLock { (state) throws(LogError) in
            if let failure = failure(of: state) { throw failure }
            defer { state.compaction.isRunning = true }
            return !state.compaction.isRunning
        }
        var result = CompactionResult()
        guard isAlone else {
            result.wasCutShort = true
            return result
        }
        defer { state.withLock { $0.compaction.isRunning = false } }
        var firstDirty = checkpoint.firstDirtyOffset
        // What is closed meanwhile is for the next compaction, or this one would never end.
        var limit = Int64.max
        while let plan = try planCompaction(from: firstDirty, upTo: limit, now: now) {
            limit = plan.end
            var pass = CompactionPass(log: self, plan: plan, now: now, memoryMax: memoryMax)
            let end = try pass.run(pace: pace, &result)
            guard let end else {
                result.wasCutShort = true
                break
            }
            try remember(
                CompactionCheckpoint(firstDirtyOffset: end, lastHorizon: pass.lastHorizon), plan)
            firstDirty = end
            if end >= plan.end { break }
        }
        return result
    }

    /// What a pass works on, as it was when the pass began.
    struct CompactionPlan {
        let segments: [Segment]
        let firstDirtyOffset: Int64
        let configuration: TopicConfiguration
        let generation: Int
        /// The last offset of each producer that is remembered.
        let lastOffsets: [Int64: Int64?]
        /// With records in the segments.
        let aborted: [AbortedTransaction]

        /// The offset behind the last of the segments.
        var end: Int64 { segments[segments.count - 1].nextOffset }
    }

    private func planCompaction(
        from firstDirty: Int64, upTo limit: Int64, now: Int64
    ) throws(LogError) -> CompactionPlan? {
        try state.withLock { (state) throws(LogError) -> CompactionPlan? in
            if let failure = failure(of: state) { throw failure }
            guard state.configuration.isCompacting else { return nil }
            let range = CompactionRange(
                state, CompactionCheckpoint(firstDirtyOffset: firstDirty), now)
            let count = state.segments[..<range.count].prefix { $0.base < limit }.count
            guard count > 0 else { return nil }
            // Also loads the index entries of aborted transactions, which go with their segments.
            let aborted = try abortedTransactions(
                from: state.segments[0].base, to: state.segments[count - 1].nextOffset, &state)
            for index in 0..<count where !state.segments[index].transactions.isLoaded {
                try loadIndexes(at: index, &state)
            }
            // One whose index had to be built anew waits until it is sealed again.
            let segments = state.segments[..<count].prefix { $0.isSealed }
            guard !segments.isEmpty else { return nil }
            return CompactionPlan(
                segments: Array(segments), firstDirtyOffset: range.firstDirtyOffset,
                configuration: state.configuration, generation: state.generation,
                lastOffsets: state.producers.lastOffsets(below: state.durable.end),
                aborted: aborted)
        }
    }

    /// Takes note of how far the partition is compacted. The file is only a help: what cannot be
    /// written now is compacted once more after the next start.
    private func remember(
        _ checkpoint: CompactionCheckpoint, _ plan: CompactionPlan
    ) throws(LogError) {
        let outcome = upkeep.withLock { _ -> Result<Void, SystemError> in
            let isCurrent = state.withLock { state in
                guard case .online = state.status, state.generation == plan.generation else {
                    return false
                }
                state.compaction.checkpoint = checkpoint
                return true
            }
            guard isCurrent else { return .success(()) }
            do throws(SystemError) {
                try store.disk.replace(
                    directory + "/" + CompactionCheckpoint.fileName, with: checkpoint.bytes,
                    inDirectory: directory)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        guard case .failure(let error) = outcome else { return }
        // A directory that could not be synced may have lost more than this name (I6).
        if error.call == "fsync" {
            poison(.io(error))
            throw .io(error)
        }
        store.logger?.warning(
            "compaction not noted; the next start would repeat it",
            ["topic": topic, "partition": partition, "cause": error])
    }

    /// Puts `cleaned` in the place of `group`; durable on return. False when the group is not
    /// what it was, and nothing happened.
    func replace(
        _ group: [Segment], with cleaned: Segment, generation: Int
    ) throws(LogError) -> Bool {
        let outcome = upkeep.withLock { mark -> Result<Bool, SegmentSwap.Failure> in
            let bases = Set(group.map(\.base))
            // The mark's word for a place in an old file must not outlive it.
            guard mark.last.map({ !bases.contains($0.segment.base) }) ?? true,
                state.withLock({ Self.place(of: group, in: $0, generation) != nil })
            else { return .success(false) }
            let swap = SegmentSwap(disk: store.disk, directory: directory)
            do throws(SegmentSwap.Failure) {
                try swap.decide(cleaned.summary)
                try finish(swap, group, cleaned, generation)
                return .success(true)
            } catch {
                return .failure(error)
            }
        }
        switch outcome {
        case .success(let isDone): return isDone
        case .failure(let failure):
            // Recovery finds out which of the two is there, and finishes what was decided.
            if failure.isDecided { poison(.io(failure.cause)) }
            throw LogError(failure.cause)
        }
    }

    private func finish(
        _ swap: SegmentSwap, _ group: [Segment], _ cleaned: Segment, _ generation: Int
    ) throws(SegmentSwap.Failure) {
        do throws(SystemError) {
            // Names and memory change together: whoever opens a segment's file by its name gets
            // the one that the segment in memory speaks of.
            let isInPlace = try state.withLock { (state) throws(SystemError) in
                guard let place = Self.place(of: group, in: state, generation) else { return false }
                try swap.rename(cleaned.base)
                state.segments.replaceSubrange(place, with: [cleaned])
                return true
            }
            // A failure elsewhere has taken the partition offline since: the recovery that puts it
            // online again does what was decided.
            guard isInPlace else { return }
            try swap.complete(cleaned.summary)
        } catch {
            throw SegmentSwap.Failure(cause: error, isDecided: true)
        }
    }

    /// Where the group stands, if it is all there as it was.
    private static func place(
        of group: [Segment], in state: State, _ generation: Int
    ) -> Range<Int>? {
        guard case .online = state.status, state.generation == generation,
            let first = state.segments.firstIndex(where: { $0.base == group[0].base }),
            first + group.count < state.segments.count
        else { return nil }
        for (old, current) in zip(group, state.segments[first...]) {
            guard old.base == current.base, old.revision == current.revision,
                old.byteCount == current.byteCount, current.isSealed, !current.isSuspect
            else { return nil }
        }
        return first..<first + group.count
    }
}
