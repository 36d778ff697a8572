internal import VarvePlatform
internal import VarveRecords

extension PartitionLog {
    /// The first durable record whose time is `timestamp` or later, and that time; nil when there
    /// is none. Times may go up and down along the log: the first by offset counts (KIP-79).
    /// - Throws: `.corrupt`, `.badBatch` (a codec that is not built in), `.io`, `.poisoned`.
    package func offset(
        atOrAfter timestamp: Int64
    ) throws(LogError) -> (offset: Int64, timestamp: Int64)? {
        var from: Int64 = Int64.min
        while let start = try searchStart(timestamp, from: from) {
            var offset = start.offset
            while offset < start.segmentEnd {
                let found = try read(from: offset, bytesMax: 256 << 10)
                guard !found.batches.isEmpty else { break }
                for (header, bytes) in RecordBatch.batches(in: found.batches)
                where header.maxTimestamp >= timestamp {
                    if let hit = try Self.first(in: bytes, header, timestamp, startOffset) {
                        return hit
                    }
                }
                offset = found.nextOffset
            }
            from = max(offset, start.segmentEnd)
        }
        return nil
    }

    /// The newest timestamp and the offset of the first record that has it, for ListOffsets'
    /// "max timestamp" (KIP-734); nil in a log without records.
    /// - Throws: as `offset(atOrAfter:)`.
    package func maxTimestamp() throws(LogError) -> (offset: Int64, timestamp: Int64)? {
        let (first, others) = try state.withLock { (state) throws(LogError) in
            if let failure = failure(of: state) { throw failure }
            let isCut = state.segments[0].base < state.startOffset
            let times = state.segments.indices.map { Self.newestTime(at: $0, state) }
            return (
                isCut ? times[0] : -1, times[(isCut ? 1 : 0)...].max() ?? -1
            )
        }
        // Where the log begins inside its first segment, that one's newest record may be cut off:
        // then the rest of the segment is read, which is the most a search costs.
        if first > others {
            if let found = try offset(atOrAfter: first) { return found }
            if let found = try newestInFirstSegment(), found.timestamp >= others { return found }
        }
        return others < 0 ? nil : try offset(atOrAfter: others)
    }

    private func newestInFirstSegment() throws(LogError) -> (offset: Int64, timestamp: Int64)? {
        var (offset, end) = state.withLock { state in
            (state.startOffset, state.segments.count > 1 ? state.segments[1].base : Int64.max)
        }
        var best: (offset: Int64, timestamp: Int64)?
        while offset < end {
            let found = try read(from: offset, bytesMax: 256 << 10)
            guard !found.batches.isEmpty else { break }
            for (header, bytes) in RecordBatch.batches(in: found.batches)
            where header.maxTimestamp > best?.timestamp ?? -1 {
                if let hit = try Self.newest(in: bytes, header, startOffset),
                    hit.timestamp > best?.timestamp ?? -1
                {
                    best = hit
                }
            }
            offset = found.nextOffset
        }
        return best
    }

    /// The newest durable record time of a segment, -1 where it has none.
    private static func newestTime(at index: Int, _ state: State) -> Int64 {
        let base = state.segments[index].base
        if base == state.durable.segmentBase { return state.durable.maxTimestamp }
        return base < state.durable.segmentBase ? state.segments[index].maxTimestamp : -1
    }

    /// The next segment from `from` on that may have such a record, and where in it to begin.
    private func searchStart(
        _ timestamp: Int64, from: Int64
    ) throws(LogError) -> (offset: Int64, segmentEnd: Int64)? {
        try state.withLock { (state) throws(LogError) in
            if let failure = failure(of: state) { throw failure }
            for index in state.segments.indices {
                // What is not durable is not there yet: looking for it would never end.
                let end =
                    index + 1 < state.segments.count
                    ? min(state.segments[index + 1].base, state.durable.end) : state.durable.end
                guard Self.newestTime(at: index, state) >= timestamp, end > from,
                    end > state.startOffset
                else { continue }
                try loadIndexes(at: index, &state)
                let base = state.segments[index].base
                let offset =
                    base + state.segments[index].timeIndex.relativeOffset(notAfter: timestamp)
                return (max(offset, from, state.startOffset), end)
            }
            return nil
        }
    }

    /// The first record in one batch that is not older than `timestamp`.
    private static func first(
        in batch: ByteSlice, _ header: RecordBatchHeader, _ timestamp: Int64, _ start: Int64
    ) throws(LogError) -> (offset: Int64, timestamp: Int64)? {
        if header.attributes.usesAppendTime {
            return (max(header.baseOffset, start), header.maxTimestamp)
        }
        var hit: (offset: Int64, timestamp: Int64)?
        do throws(RecordError) {
            try RecordBatch.forEachRecord(in: batch) { record in
                if hit == nil, record.timestamp >= timestamp, record.offset >= start {
                    hit = (record.offset, record.timestamp)
                }
            }
        } catch {
            throw .badBatch(error)
        }
        return hit
    }

    /// The newest record in one batch from `start` on, the first of several.
    private static func newest(
        in batch: ByteSlice, _ header: RecordBatchHeader, _ start: Int64
    ) throws(LogError) -> (offset: Int64, timestamp: Int64)? {
        var newest: (offset: Int64, timestamp: Int64)?
        do throws(RecordError) {
            try RecordBatch.forEachRecord(in: batch) { record in
                if record.offset >= start, record.timestamp > newest?.timestamp ?? -1 {
                    newest = (record.offset, record.timestamp)
                }
            }
        } catch {
            throw .badBatch(error)
        }
        return newest
    }
}
