internal import VarvePlatform
internal import VarveRecords

/// Kafka's rules for a batch that a client sends (LogValidator, UnifiedLog.analyzeAndValidate).
enum BatchCheck {
    /// The rules that need the batch alone: it is one whole batch with a good checksum whose
    /// fields agree. Runs outside the partition's lock.
    /// - Throws: `.badBatch`, `.invalidRecord`, `.invalidTimestamp`.
    static func header(of batch: ByteSlice, now: Int64) throws(LogError) -> RecordBatchHeader {
        let header: RecordBatchHeader
        do throws(RecordError) {
            header = try batch.withUnsafeBytes { (raw) throws(RecordError) in
                try RecordBatchHeader.verified(raw)
            }
        } catch {
            throw .badBatch(error)
        }
        guard header.totalByteCount == batch.count else {
            throw .invalidRecord("more than one batch for one partition")
        }
        guard header.baseOffset == 0 else {
            throw .invalidRecord("base offset \(header.baseOffset) instead of 0")
        }
        guard header.recordCount > 0, header.lastOffsetDelta == header.recordCount - 1 else {
            throw .invalidRecord(
                "\(header.recordCount) records with last offset delta \(header.lastOffsetDelta)")
        }
        guard let codec = header.attributes.codec else {
            throw .badBatch(.unknownCodec(Int(header.attributes.rawValue & 7)))
        }
        guard !header.attributes.isControl else {
            throw .invalidRecord("a control batch from a client")
        }
        guard !header.attributes.isTransactional || header.hasProducer else {
            throw .invalidRecord("a transactional batch without a producer id")
        }
        guard !header.attributes.hasDeleteHorizon else {
            throw .invalidRecord("a delete horizon from a client")
        }
        guard !header.attributes.usesAppendTime else {
            throw .invalidTimestamp(timestamp: header.maxTimestamp, now: now)
        }
        guard !header.hasProducer || header.baseSequence >= 0 && header.producerEpoch >= 0 else {
            throw .invalidRecord("a producer id without sequence or epoch")
        }
        if codec == .none {
            try batch.withUnsafeBytes { (raw) throws(LogError) in
                try checkRecords(
                    UnsafeRawBufferPointer(rebasing: raw[RecordBatchHeader.byteCount...]),
                    count: Int(header.recordCount))
            }
        }
        return header
    }

    /// The rules that depend on the topic's configuration.
    static func check(
        _ header: RecordBatchHeader, _ batch: ByteSlice, _ configuration: TopicConfiguration,
        now: Int64
    ) throws(LogError) {
        guard batch.count <= configuration.maxMessageBytes else {
            throw .batchTooLarge(bytes: batch.count, bytesMax: configuration.maxMessageBytes)
        }
        guard batch.count <= configuration.segmentBytes else {
            throw .segmentTooSmall(bytes: batch.count, segmentBytes: configuration.segmentBytes)
        }
        if !configuration.usesAppendTime {
            // -1 means "no timestamp" (RecordBatch.NO_TIMESTAMP).
            let newest = header.maxTimestamp
            if newest != -1, newest.subtractingReportingOverflow(now).overflow
                || newest - now > configuration.timestampAfterMaxMilliseconds
            {
                throw .invalidTimestamp(timestamp: newest, now: now)
            }
            let oldest = header.baseTimestamp
            if oldest != -1, configuration.timestampBeforeMaxMilliseconds != Int64.max,
                now.subtractingReportingOverflow(oldest).overflow
                    || now - oldest > configuration.timestampBeforeMaxMilliseconds
            {
                throw .invalidTimestamp(timestamp: oldest, now: now)
            }
        }
        if configuration.isCompacting { try checkKeys(batch) }
    }

    /// Every record of a compacted topic needs a key.
    private static func checkKeys(_ batch: ByteSlice) throws(LogError) {
        var keyless: Int?
        do throws(RecordError) {
            var index = 0
            try RecordBatch.forEachRecord(in: batch) { record in
                if record.key == nil && keyless == nil { keyless = index }
                index += 1
            }
        } catch {
            throw .badBatch(error)
        }
        if let keyless {
            throw .invalidRecord("record \(keyless) has no key, and the topic is compacted")
        }
    }

    /// Walks the records of an uncompressed batch: lengths that add up, offset deltas 0, 1, 2 ….
    /// About 15 ns a record; a batch that no consumer could read must not get into the log.
    private static func checkRecords(
        _ bytes: UnsafeRawBufferPointer, count: Int
    ) throws(LogError) {
        var walk = RecordWalk(bytes: bytes)
        for index in 0..<count {
            guard walk.next(index: index) else {
                throw .invalidRecord("record \(index) does not parse, or is out of its order")
            }
        }
        guard walk.position == bytes.count else {
            throw .invalidRecord("\(bytes.count - walk.position) bytes after the last record")
        }
    }
}

/// Steps over uncompressed records without building any.
private struct RecordWalk {
    let bytes: UnsafeRawBufferPointer
    var position = 0

    /// Steps over one record; false when it is malformed or its offset delta is not `index`.
    @inline(__always)
    mutating func next(index: Int) -> Bool {
        guard let length = varint(end: bytes.count), length > 0,
            length <= bytes.count - position
        else { return false }
        let end = position + length
        // Attributes: one byte, none defined.
        position += 1
        guard varint(end: end) != nil, varint(end: end) == index, skipBytes(end: end),
            skipBytes(end: end), let headers = varint(end: end), headers >= 0
        else { return false }
        // A header takes at least two bytes, so the count cannot make this loop long.
        guard headers <= (end - position) / 2 else { return false }
        for _ in 0..<headers {
            guard let name = varint(end: end), name >= 0, name <= end - position else {
                return false
            }
            position += name
            guard skipBytes(end: end) else { return false }
        }
        return position == end
    }

    /// A length and that many bytes; -1 stands for null.
    @inline(__always)
    private mutating func skipBytes(end: Int) -> Bool {
        guard let count = varint(end: end), count >= -1 else { return false }
        guard count > 0 else { return true }
        guard count <= end - position else { return false }
        position += count
        return true
    }

    /// A zig-zag varint of up to 64 bits.
    @inline(__always)
    private mutating func varint(end: Int) -> Int? {
        var raw: UInt64 = 0
        var shift: UInt64 = 0
        while position < end, shift < 70 {
            let byte = bytes[position]
            position += 1
            raw |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 {
                return Int(Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1))
            }
            shift += 7
        }
        return nil
    }
}
