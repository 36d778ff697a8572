internal import VarvePlatform
internal import VarveRecords

/// Decides what stays of each batch, by Kafka's rules (`Cleaner.shouldRetainRecord`,
/// `checkBatchRetention`).
///
/// - A record stays when it is the last of its key, as far as the pass has compared. Without a key
///   it goes.
/// - A tombstone stays until `delete.retention.ms` after the first compaction that met it; that
///   time is written into its batch, the delete horizon (KIP-534).
/// - Records of aborted transactions go; the markers of transactions stay.
/// - Of a producer's last batch at least the empty shell stays.
///
/// REQUIRES: batches in order, from the log's first.
struct BatchCleaner {
    enum Outcome {
        /// As it is, byte for byte.
        case unchanged
        case rewritten(ByteSlice)
        case removed
    }

    let map: OffsetMap
    /// Records from here on are not in the map: they stay.
    let end: Int64
    let now: Int64
    let deleteRetentionMilliseconds: Int64
    /// The last offset of each producer that is remembered.
    let lastOffsets: [Int64: Int64?]
    private var transactions: TransactionCleaning

    private(set) var recordsRemoved = 0
    /// Records that went because they had no key.
    private(set) var keylessRemoved = 0
    /// When the last tombstone that stayed may go; -1 when none did.
    private(set) var lastHorizon: Int64 = -1
    /// Batches whose records cannot be read here: a codec that is not built in, or damage that
    /// their producer made.
    private(set) var unreadableBatches = 0

    init(
        map: OffsetMap, end: Int64, now: Int64, deleteRetentionMilliseconds: Int64,
        lastOffsets: [Int64: Int64?], transactions: TransactionCleaning
    ) {
        self.map = map
        self.end = end
        self.now = now
        self.deleteRetentionMilliseconds = deleteRetentionMilliseconds
        self.lastOffsets = lastOffsets
        self.transactions = transactions
    }

    mutating func clean(_ header: RecordBatchHeader, _ batch: ByteSlice) -> Outcome {
        if header.baseOffset >= end { return .unchanged }
        let isAborted = transactions.isAborted(header)
        if header.attributes.isControl { return .unchanged }
        let records: [Record]
        do throws(RecordError) {
            records = try RecordBatch.records(in: batch)
        } catch {
            return cannotRead()
        }
        var kept: [Record] = []
        var hasTombstone = false
        kept.reserveCapacity(records.count)
        var keyless = 0
        for record in records {
            if isAborted { continue }
            if record.key == nil, record.offset < end { keyless += 1 }
            guard stays(record, header) else { continue }
            if record.value == nil, record.offset < end { hasTombstone = true }
            kept.append(record)
        }
        if kept.isEmpty {
            recordsRemoved += records.count
            keylessRemoved += keyless
            guard header.hasProducer, mayBeLast(header) else { return .removed }
            return records.isEmpty ? .unchanged : .rewritten(RecordBatch.emptied(header))
        }
        var horizon = header.deleteHorizon
        if hasTombstone, horizon == nil {
            let (sum, overflow) = now.addingReportingOverflow(deleteRetentionMilliseconds)
            horizon = overflow ? Int64.max : sum
        }
        // One that is past and stays for another reason must not make the log due for ever.
        if hasTombstone, horizon! >= now { lastHorizon = max(lastHorizon, horizon!) }
        if kept.count == records.count, horizon == header.deleteHorizon { return .unchanged }
        do throws(RecordError) {
            let rewritten = try RecordBatch.compacted(
                header, keeping: kept, deleteHorizon: horizon)
            recordsRemoved += records.count - kept.count
            keylessRemoved += keyless
            return .rewritten(rewritten)
        } catch {
            return cannotRead()
        }
    }

    private func stays(_ record: Record, _ header: RecordBatchHeader) -> Bool {
        guard record.offset < end else { return true }
        guard let key = record.key else { return false }
        if let last = map.lastOffset(of: key), record.offset < last { return false }
        guard record.value == nil, let horizon = header.deleteHorizon else { return true }
        // Where an earlier batch could not be read, its records of this key may still be there,
        // and without the tombstone they would come back.
        return now < horizon || unreadableBatches > 0
    }

    /// Whether the producer may have to go on from this batch. Where its last durable batch is not
    /// known, from any: the next compaction knows more.
    private func mayBeLast(_ header: RecordBatchHeader) -> Bool {
        switch lastOffsets[header.producerID] {
        case .none: false
        case .some(let last): last == nil || last == header.lastOffset
        }
    }

    private mutating func cannotRead() -> Outcome {
        unreadableBatches += 1
        return .unchanged
    }
}
