package import VarvePlatform
internal import VarveRecords

/// What a read found.
package struct ReadResult: Sendable {
    /// Whole batches, back to back, each with a good checksum (I2); may be empty.
    package let batches: ByteSlice
    /// Where to go on reading.
    package let nextOffset: Int64
    package let startOffset: Int64
    package let durableEnd: Int64
    package let lastStableOffset: Int64
}

extension PartitionLog {
    /// Reads whole, verified batches from the one that contains `offset`, none beyond the durable
    /// end (I3). Where `offset` lies in a gap that compaction or damage left, from the next one.
    ///
    /// - Parameter bytesMax: the most bytes to return, except that the first batch comes whole
    ///   however large it is.
    /// - Parameter limit: batches that reach beyond this offset are left out.
    /// - Throws: `.offsetOutOfRange`; `.corrupt` where a batch fails its checksum, which is then
    ///   not served; `.poisoned` while the partition is offline; `.io`.
    package func read(
        from offset: Int64, bytesMax: Int, below limit: Int64? = nil
    ) throws(LogError) -> ReadResult {
        // Where to look: `offset`, then the segments behind its own. By offset, because compaction
        // may put another segment in the place of several at any time.
        var searched = offset
        var isSecondTry = false
        while true {
            let plan = try state.withLock { (state) throws(LogError) -> ReadPlan in
                try self.plan(from: searched, below: limit, &state)
            }
            var found: SegmentReader.Found?
            if let place = plan.place {
                do throws(LogError) {
                    found = try SegmentReader(place: place, lastOffset: { (at) throws(LogError) in
                        try self.lastOffset(at: at, in: place)
                    }).read(from: offset, bytesMax: bytesMax, below: limit ?? plan.durableEnd)
                } catch {
                    // Wrong in memory only, or healed meanwhile: what the disk says counts.
                    if !isSecondTry, try dropCache(of: place, after: error) {
                        isSecondTry = true
                        continue
                    }
                    try suspect(place, error)
                }
                if found == nil, let nextBase = place.nextBase {
                    searched = max(searched, nextBase)
                    continue
                }
                if let found { remember(found, in: place, plan.generation) }
            }
            return ReadResult(
                batches: found?.batches ?? ByteSlice(), nextOffset: found?.nextOffset ?? offset,
                startOffset: plan.startOffset, durableEnd: plan.durableEnd,
                lastStableOffset: plan.lastStableOffset)
        }
    }

    struct ReadPlan {
        /// Nil when there is nothing to read.
        var place: SegmentReader.Place?
        let startOffset: Int64
        let durableEnd: Int64
        let lastStableOffset: Int64
        let generation: Int
    }

    /// Finds the segment of `offset`.
    private func plan(
        from offset: Int64, below limit: Int64?, _ state: inout State
    ) throws(LogError) -> ReadPlan {
        if let failure = failure(of: state) { throw failure }
        guard offset >= state.startOffset, offset <= state.endOffset else {
            throw .offsetOutOfRange(
                requested: offset, start: state.startOffset, end: state.durable.end)
        }
        var plan = ReadPlan(
            place: nil, startOffset: state.startOffset, durableEnd: state.durable.end,
            lastStableOffset: state.lastStableOffset, generation: state.generation)
        guard offset < state.durable.end else { return plan }
        if let limit, offset >= limit { return plan }
        // The last segment that begins at or before the offset; the first one in a trimmed log
        // may begin behind it.
        let index = max(0, Self.segmentIndex(of: offset, state.segments))
        guard state.segments[index].base <= state.durable.segmentBase else { return plan }
        state.wasRead = true
        plan.place = try place(of: offset, index, &state)
        return plan
    }

    /// The index of the last segment whose base is not behind `offset`, -1 when all are.
    static func segmentIndex(of offset: Int64, _ segments: [Segment]) -> Int {
        var low = 0
        var high = segments.count
        while low < high {
            let middle = (low + high) / 2
            if segments[middle].base <= offset { low = middle + 1 } else { high = middle }
        }
        return low - 1
    }

    /// Where to begin reading `offset` in the segment at `index`.
    func place(
        of offset: Int64, _ index: Int, _ state: inout State
    ) throws(LogError) -> SegmentReader.Place? {
        let base = state.segments[index].base
        let isLast = base == state.durable.segmentBase
        let end = isLast ? state.durable.position : state.segments[index].byteCount
        let nextBase =
            !isLast && index + 1 < state.segments.count ? state.segments[index + 1].base : nil
        guard end > 0 else {
            return nextBase.map { nextBase in
                SegmentReader.Place(
                    file: nil, segmentBase: base, revision: 0, position: 0, firstOffsetMin: base,
                    end: 0, nextBase: nextBase)
            }
        }
        let file: any DiskFile
        do throws(SystemError) {
            file = try state.segments[index].open()
        } catch {
            throw .io(error)
        }
        var place = SegmentReader.Place(
            file: file, segmentBase: base, revision: state.segments[index].revision, position: 0,
            firstOffsetMin: base, end: end,
            nextBase: nextBase)
        let revision = place.revision
        if let hint = state.hints.first(where: {
            $0.offset == offset && $0.segmentBase == base && $0.revision == revision
        }) {
            place.position = hint.position
            place.firstOffsetMin = offset
        } else if offset > base {
            try loadIndexes(at: index, &state)
            if let entry = state.segments[index].index.entry(notBehind: offset - base) {
                place.position = Int64(entry.position)
                place.firstLastOffset = base + Int64(entry.relativeOffset)
            }
        }
        // A reader that has caught up stands at the end.
        place.position = min(place.position, end)
        return place
    }

    /// What the index says of the batch at `position`.
    private func lastOffset(
        at position: Int64, in place: SegmentReader.Place
    ) throws(LogError) -> Int64? {
        try state.withLock { (state) throws(LogError) in
            let index = Self.segmentIndex(of: place.segmentBase, state.segments)
            guard index >= 0, state.segments[index].base == place.segmentBase,
                state.segments[index].revision == place.revision
            else { return nil }
            try loadIndexes(at: index, &state)
            return state.segments[index].index.relativeLastOffset(at: position)
                .map { place.segmentBase + $0 }
        }
    }

    private func remember(
        _ found: SegmentReader.Found, in place: SegmentReader.Place, _ generation: Int
    ) {
        state.withLock { state in
            // A recovery may have moved what stands where in the file.
            guard state.generation == generation else { return }
            state.hints[state.nextHint] = ReadHint(
                offset: found.nextOffset, segmentBase: place.segmentBase,
                revision: place.revision, position: found.endPosition)
            state.nextHint = (state.nextHint + 1) % state.hints.count
        }
    }
}
