internal import VarvePlatform

/// A segment that retention deletes, and why.
package struct RetentionAction: Equatable, Sendable {
    package enum Reason: String, Sendable {
        /// Older than `retention.ms`.
        case time
        /// The partition is larger than `retention.bytes`.
        case size
        /// All of it lies before the log's start.
        case trimmed
    }

    package let topic: String
    package let partition: Int32
    package let baseOffset: Int64
    package let nextOffset: Int64
    package let byteCount: Int64
    package let reason: Reason
}

extension PartitionLog {
    /// The segments that retention deletes at `now`, oldest first; changes nothing.
    ///
    /// Time counts from the append of a segment's last batch (or, with `varve.retention.clock`
    /// `record`, from its newest record time). Only durable segments go, always from the front.
    /// The active segment goes only as a whole: when it is expired, a new one takes its place.
    package func retentionPlan(now: Int64) -> [RetentionAction] {
        state.withLock { retentionPlan($0, now: now) }
    }

    private func retentionPlan(_ state: State, now: Int64) -> [RetentionAction] {
        guard case .online = state.status else { return [] }
        var actions: [RetentionAction] = []
        var remaining = state.segments.reduce(0) { $0 + $1.byteCount }
        for (index, segment) in state.segments.enumerated() {
            let isActive = index == state.segments.count - 1
            let next = isActive ? state.endOffset : state.segments[index + 1].base
            guard segment.byteCount > 0 || !isActive, next <= state.durable.end,
                let reason = Self.reason(
                    toDelete: segment, next: next, isActive: isActive, remaining: remaining,
                    state, now: now)
            else { break }
            actions.append(
                RetentionAction(
                    topic: topic, partition: partition, baseOffset: segment.base,
                    nextOffset: next, byteCount: segment.byteCount, reason: reason))
            remaining -= segment.byteCount
        }
        return actions
    }

    private static func reason(
        toDelete segment: Segment, next: Int64, isActive: Bool, remaining: Int64, _ state: State,
        now: Int64
    ) -> RetentionAction.Reason? {
        if next <= state.startOffset, !isActive { return .trimmed }
        guard state.configuration.isDeleting else { return nil }
        if let limit = state.configuration.retentionMilliseconds {
            let time =
                state.configuration.retentionUsesRecordTime && segment.maxTimestamp >= 0
                ? segment.maxTimestamp : segment.lastAppendTime
            if segment.byteCount == 0 || time >= 0 && now > time && now - time > limit {
                return .time
            }
        }
        // As Kafka: a segment goes only when what remains is still as large as the limit.
        if let limit = state.configuration.retentionBytes, !isActive,
            remaining - segment.byteCount >= limit
        {
            return .size
        }
        return nil
    }

    /// Deletes what `retentionPlan` names and returns what was deleted. A failed write or sync
    /// takes the partition offline; a full disk puts it off.
    @discardableResult
    package func applyRetention(now: Int64) -> [RetentionAction] {
        guard !retentionPlan(now: now).isEmpty else { return [] }
        return upkeep.withLock { file in
            let outcome: Result<[RetentionAction], LogError> = state.withLock { state in
                let plan = retentionPlan(state, now: now)
                guard plan.last?.baseOffset == state.active.base else { return .success(plan) }
                do throws(LogError) {
                    try loadActiveIndexes(of: &state)
                    try roll(&state)
                    return .success(plan)
                } catch {
                    return .failure(error)
                }
            }
            do throws(LogError) {
                let plan = try outcome.get()
                if let last = plan.last { try moveStart(to: last.nextOffset, &file) }
                return plan
            } catch {
                store.logger?.warning(
                    "retention put off",
                    ["topic": topic, "partition": partition, "cause": "\(error)"])
                return []
            }
        }
    }

    /// Makes `offset` the first one that can be read; durable on return. Segments wholly before it
    /// are deleted. Returns the new start, which never goes back.
    /// - Parameter offset: -1 stands for the durable end, as in Kafka's DeleteRecords.
    /// - Throws: `.offsetOutOfRange` beyond the durable end; `.full`, the start is unchanged;
    ///   `.io`, the partition is offline; `.poisoned`.
    package func trim(to offset: Int64, now: Int64) throws(LogError) -> Int64 {
        try upkeep.withLock { (file) throws(LogError) in
            let target = try state.withLock { (state) throws(LogError) in
                if let failure = failure(of: state) { throw failure }
                let target = offset == -1 ? state.durable.end : offset
                guard target >= 0, target <= state.durable.end else {
                    throw .offsetOutOfRange(
                        requested: offset, start: state.startOffset, end: state.durable.end)
                }
                return max(target, state.startOffset)
            }
            try moveStart(to: target, &file)
            return target
        }
    }

    /// Moves the log's start: first in the durable mark, then in memory, then the files go. A
    /// power cut after that may bring their names back, and recovery knows them by the mark.
    private func moveStart(to offset: Int64, _ file: inout DurableMarkFile) throws(LogError) {
        let plan = state.withLock { state -> (DurableMark, (Int64, ByteSlice)?)? in
            guard offset > state.startOffset || state.segments[0].base < offset else { return nil }
            return (
                Self.lowerBound(state, startOffset: offset, last: file.last),
                Self.producersToKeep(state, startOffset: offset)
            )
        }
        guard let (mark, producers) = plan else { return }
        // A mark says that everything in front of the start was in the segments.
        if offset > file.last?.durableEnd ?? 0 { try syncJournaled() }
        do throws(SystemError) {
            if let (base, bytes) = producers {
                let name = SegmentName.file(base, .producers)
                try store.disk.replace(
                    directory + "/" + name, with: bytes, inDirectory: directory)
            }
            try file.write(mark)
            let removed = state.withLock { state -> [Segment] in
                state.startOffset = max(state.startOffset, offset)
                var count = 0
                while count + 1 < state.segments.count, state.segments[count + 1].base <= offset,
                    state.segments[count + 1].base <= state.durable.end
                {
                    count += 1
                }
                defer {
                    state.segments.removeFirst(count)
                    self.count(&state)
                }
                // The durable point stays inside a segment that is there.
                if state.durable.segmentBase < state.segments[count].base {
                    state.durable.segmentBase = state.segments[count].base
                    state.durable.position = 0
                    state.durable.maxTimestamp = -1
                }
                return Array(state.segments[..<count])
            }
            try removeFiles(of: removed)
        } catch {
            if !error.isOnlyFull { poison(.io(error)) }
            throw LogError(error)
        }
    }

    /// The best mark that is true whatever of the unsynced bytes survives.
    private static func lowerBound(
        _ state: State, startOffset: Int64, last: DurableMark?
    ) -> DurableMark {
        // The last mark still holds, unless its segment is about to go.
        if let last, last.segment.base >= startOffset
            || state.segments.contains(where: {
                $0.base == last.segment.base && $0.base == state.active.base
            })
        {
            var mark = last
            mark.startOffset = startOffset
            mark.durableEnd = max(mark.durableEnd, startOffset)
            mark.isCleanStop = false
            // A start in the part that no mark covers: nothing of the segment is vouched for.
            if mark.durableEnd > last.durableEnd {
                mark.segment = SegmentSummary(base: last.segment.base)
            }
            return mark
        }
        return DurableMark(
            sequence: 0, startOffset: startOffset, durableEnd: startOffset, isCleanStop: false,
            segment: SegmentSummary(base: state.durable.segmentBase))
    }

    /// Producer state at the log's new first segment, where no seal has made that durable yet: it
    /// must be before the batches go that it could be built from.
    private static func producersToKeep(
        _ state: State, startOffset: Int64
    ) -> (Int64, ByteSlice)? {
        let last = state.segments.indices.dropLast().last {
            state.segments[$0 + 1].base <= startOffset
        }
        guard let last, state.segments[last].producerCountAtEnd > 0,
            let bytes = state.segments[last].producersAtEnd
        else { return nil }
        return (state.segments[last + 1].base, bytes)
    }

    /// Removes the files of segments that are no longer part of the log. Readers in flight keep
    /// what they have open; what cannot be removed now goes at the next start.
    /// - Throws: when the directory cannot be synced.
    private func removeFiles(of segments: [Segment]) throws(SystemError) {
        guard !segments.isEmpty else { return }
        do throws(SystemError) {
            for segment in segments where segment.exists {
                for kind in SegmentName.Kind.allCases
                where try store.disk.entry(segment.path(kind)) != nil {
                    try store.disk.remove(segment.path(kind))
                }
            }
        } catch {
            store.logger?.warning(
                "deleted segments' files remain until the next start",
                ["topic": topic, "partition": partition, "cause": error])
        }
        try store.disk.syncDirectory(directory)
    }
}
