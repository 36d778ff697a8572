internal import VarvePlatform
internal import VarveRecords

/// Reads verified batches out of one segment, outside the partition's lock.
struct SegmentReader {
    struct Place {
        let file: (any DiskFile)?
        let segmentBase: Int64
        let revision: Int
        /// A batch's first byte, at or before the offset that is looked for.
        var position: Int64
        /// The lowest offset that batch may have, and its last one where the index says.
        var firstOffsetMin: Int64
        var firstLastOffset: Int64?
        /// Durable bytes of the segment: what lies behind may be half-written.
        let end: Int64
        /// Where the next segment with durable records begins; nil when there is none.
        let nextBase: Int64?
    }

    struct Found {
        let batches: ByteSlice
        let nextOffset: Int64
        /// The position behind the last batch.
        let endPosition: Int64
    }

    let place: Place
    /// The last offset of the batch at a position, where the index has it.
    let lastOffset: (_ position: Int64) throws(LogError) -> Int64?

    /// Read ahead of the wanted bytes, because an index entry lies up to
    /// `index.interval.bytes` before the batch that is looked for.
    private static let slackBytes = 8192

    /// The batches from the one with `offset` or the next one; nil when the segment has none
    /// below `limit`.
    /// - Throws: `.corrupt` where a batch fails its checksum or its offsets do not fit its
    ///   neighbours'; `.io`.
    func read(
        from offset: Int64, bytesMax: Int, below limit: Int64
    ) throws(LogError) -> Found? {
        var position = place.position
        var expected = place.firstOffsetMin
        var wanted = Self.slackBytes + max(0, min(bytesMax, RecordBatchHeader.batchBytesMax))
        while position < place.end {
            let chunk = try load(position, min(wanted, Int(place.end - position)))
            var at = 0
            var first: Int?
            var next = offset
            var needed: Int?
            while at < chunk.count {
                let header: RecordBatchHeader
                do throws(LogError) {
                    header = try self.header(chunk, at, position)
                    let total = header.totalByteCount
                    guard at + total <= chunk.count else {
                        needed = total
                        break
                    }
                    // What is only stepped over need not be whole: damage there must not keep its
                    // neighbours away. But its offsets must be right, or a batch that is wanted
                    // could pass for one that is not.
                    try checkOrder(header, position + Int64(at), expected: expected)
                    if header.nextOffset > offset { try check(header, chunk, at, position) }
                } catch {
                    // Nor does it keep away what stands before it.
                    if first != nil { break }
                    throw error
                }
                let total = header.totalByteCount
                if header.nextOffset > offset {
                    if header.nextOffset > limit { break }
                    if let first, at + total - first > bytesMax { break }
                    first = first ?? at
                    next = header.nextOffset
                }
                expected = header.nextOffset
                at += total
            }
            if let first, first < at {
                return Found(
                    batches: chunk[first..<at], nextOffset: next,
                    endPosition: position + Int64(at))
            }
            guard at == chunk.count || needed != nil else { return nil }
            position += Int64(at)
            wanted = max(wanted, needed ?? 0)
        }
        return nil
    }

    private func load(_ position: Int64, _ count: Int) throws(LogError) -> ByteSlice {
        guard let file = place.file else { return ByteSlice() }
        let bytes: ByteSlice
        do throws(SystemError) {
            bytes = try ByteSlice(filling: count) { (buffer) throws(SystemError) in
                try file.read(into: buffer, at: position)
            }
        } catch {
            throw .io(error)
        }
        guard bytes.count == count else {
            throw corrupt(position + Int64(bytes.count), "the file ends before its durable end")
        }
        return bytes
    }

    /// The header at `at`; where fewer bytes than a header are left in the chunk, one more read
    /// fetches it.
    private func header(
        _ chunk: ByteSlice, _ at: Int, _ position: Int64
    ) throws(LogError) -> RecordBatchHeader {
        let start = position + Int64(at)
        var bytes = chunk[at..<chunk.count]
        if bytes.count < RecordBatchHeader.byteCount {
            bytes = try load(start, min(RecordBatchHeader.byteCount, Int(place.end - start)))
        }
        do throws(RecordError) {
            let header = try bytes.withUnsafeBytes { (raw) throws(RecordError) in
                try RecordBatchHeader(parsing: raw)
            }
            guard Int64(header.totalByteCount) <= place.end - start else {
                throw RecordError.badLength(header.batchLength)
            }
            return header
        } catch {
            throw corrupt(start, "\(error)")
        }
    }

    /// The checksum does not cover offsets: each batch begins where the one before ended, unless
    /// the index, which has a checksum of its own, knows the gap.
    private func checkOrder(
        _ header: RecordBatchHeader, _ start: Int64, expected: Int64
    ) throws(LogError) {
        guard header.lastOffsetDelta >= 0, header.baseOffset >= expected,
            header.nextOffset > expected
        else { throw corrupt(start, "offset \(header.baseOffset) is out of its order") }
        if start == place.position, let known = place.firstLastOffset {
            if header.lastOffset == known { return }
        } else if header.baseOffset == expected {
            return
        } else if header.lastOffset == (try lastOffset(start)) {
            return
        }
        throw corrupt(start, "offset \(header.baseOffset) does not follow \(expected - 1)")
    }

    /// Whether a batch may be served: its checksum is right, and the epoch beside that is the one
    /// the log writes.
    private func check(
        _ header: RecordBatchHeader, _ chunk: ByteSlice, _ at: Int, _ position: Int64
    ) throws(LogError) {
        let start = position + Int64(at)
        do throws(RecordError) {
            _ = try chunk[at..<at + header.totalByteCount].withUnsafeBytes {
                (raw) throws(RecordError) in try RecordBatchHeader.verified(raw)
            }
        } catch {
            throw corrupt(start, "\(error)")
        }
        guard header.partitionLeaderEpoch == 0 else {
            throw corrupt(start, "epoch \(header.partitionLeaderEpoch) instead of 0")
        }
    }

    private func corrupt(_ position: Int64, _ reason: String) -> LogError {
        .corrupt(path: place.file?.path ?? "", position: position, reason: reason)
    }
}
