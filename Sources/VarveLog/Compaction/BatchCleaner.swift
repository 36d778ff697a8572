internal import VarvePlatform
internal import VarveRecords

/// Decides what stays of each batch, by Kafka's rules (`Cleaner.shouldRetainRecord`,
/// `checkBatchRetention`).
///
/// - A record stays when it is the last of its key, as far as the pass has compared. Without a key
///   it goes.
/// - A tombstone stays until `delete.retention.ms` after the first compaction that met it; that
///   time is written into its batch, the delete horizon (KIP-534).
/// - Records of aborted transactions go. The marker of a transaction, committed or aborted, stays
///   until a pass has met none of its batches any more, not even an empty shell, and from then on
///   for `delete.retention.ms`; that time is written into its batch as well.
/// - Of a producer's last batch at least the empty shell stays, and the markers of one of whom only
///   markers are remembered.
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
    /// Markers of transactions that went.
    private(set) var markersRemoved = 0
    /// Records that went because they had no key.
    private(set) var keylessRemoved = 0
    /// When the last tombstone or marker that stayed may go; -1 when none did.
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
        if header.attributes.isControl { return cleanMarker(header, batch) }
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
        if hasTombstone, horizon == nil { horizon = newHorizon }
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

    /// Source: Kafka's `CleanedTransactionMetadata.onControlBatchRead` and `checkBatchRetention`.
    private mutating func cleanMarker(
        _ header: RecordBatchHeader, _ batch: ByteSlice
    ) -> Outcome {
        let isMarker = batch.withUnsafeBytes { TransactionMarker(controlBatch: $0) } != nil
        let isAlone = transactions.isAlone(header)
        guard isMarker, isAlone, !mayBeLast(header) else { return .unchanged }
        if let horizon = header.deleteHorizon {
            guard now < horizon else {
                markersRemoved += 1
                return .removed
            }
            lastHorizon = max(lastHorizon, horizon)
            return .unchanged
        }
        do throws(RecordError) {
            let rewritten = try RecordBatch.compacted(
                header, keeping: try RecordBatch.records(in: batch), deleteHorizon: newHorizon)
            lastHorizon = max(lastHorizon, newHorizon)
            return .rewritten(rewritten)
        } catch {
            return cannotRead()
        }
    }

    private var newHorizon: Int64 {
        let (sum, overflow) = now.addingReportingOverflow(deleteRetentionMilliseconds)
        return overflow ? Int64.max : sum
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
