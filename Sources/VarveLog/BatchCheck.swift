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
            let flaw = batch.withUnsafeBytes { raw in
                RecordWalk.flaw(
                    in: UnsafeRawBufferPointer(rebasing: raw[RecordBatchHeader.byteCount...]),
                    count: Int(header.recordCount))
            }
            if let flaw { throw .invalidRecord(flaw) }
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
}
