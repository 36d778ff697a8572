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
    package func maxTimestamp() throws(LogError) -> (offset: Int64, timestamp: Int64)? {
        let newest = try state.withLock { (state) throws(LogError) in
            if let failure = failure(of: state) { throw failure }
            return state.segments.map(\.maxTimestamp).max() ?? -1
        }
        guard newest >= 0 else { return nil }
        // An appended record may not be durable yet: then the newest that may be seen.
        if let found = try offset(atOrAfter: newest) { return found }
        return try newestDurable()
    }

    private func newestDurable() throws(LogError) -> (offset: Int64, timestamp: Int64)? {
        var best: (offset: Int64, timestamp: Int64)?
        var offset = startOffset
        while true {
            let found = try read(from: offset, bytesMax: 256 << 10)
            guard !found.batches.isEmpty else { break }
            for (header, bytes) in RecordBatch.batches(in: found.batches)
            where header.maxTimestamp > best?.timestamp ?? -1 {
                best = try Self.first(in: bytes, header, header.maxTimestamp, startOffset) ?? best
            }
            offset = found.nextOffset
        }
        return best
    }

    /// The next segment from `from` on that may have such a record, and where in it to begin.
    private func searchStart(
        _ timestamp: Int64, from: Int64
    ) throws(LogError) -> (offset: Int64, segmentEnd: Int64)? {
        try state.withLock { (state) throws(LogError) in
            if let failure = failure(of: state) { throw failure }
            for index in state.segments.indices {
                let end =
                    index + 1 < state.segments.count
                    ? state.segments[index + 1].base : state.endOffset
                guard state.segments[index].maxTimestamp >= timestamp, end > from,
                    end > state.startOffset, state.segments[index].base < state.durable.end
                else { continue }
                try loadIndexes(of: &state.segments[index], state.configuration)
                let base = state.segments[index].base
                let offset =
                    base + state.segments[index].timeIndex.relativeOffset(notAfter: timestamp)
                return (max(offset, from, state.startOffset), min(end, state.durable.end))
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
}
