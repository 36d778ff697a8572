internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

/// What one fetch response brought of one partition: whole batches, still compressed, and what is
/// needed to leave out the records of aborted transactions.
struct FetchedBatches: Sendable {
    /// Not yet taken, in order.
    private(set) var batches: ArraySlice<(header: RecordBatchHeader, bytes: ByteSlice)>
    /// Why the response could not be read to its end; thrown when the batches before are taken.
    private(set) var stop: RecordError?
    let highWatermark: Int64
    private let isolation: IsolationLevel
    /// Aborted transactions whose first record has not come by yet, by first offset.
    private var aborted: ArraySlice<FetchResponse.AbortedTransaction>
    /// Producers whose records are being left out, until their abort marker.
    private var aborting: Set<Int64> = []

    /// Takes a response apart; checks no checksum yet and decompresses nothing.
    init(_ response: FetchResponse.Partition, isolation: IsolationLevel) {
        let records = response.records ?? ByteSlice()
        let (batches, stop) = RecordBatch.split(records)
        self.batches = batches[...]
        highWatermark = response.highWatermark
        self.isolation = isolation
        aborted = (response.abortedTransactions ?? [])
            .sorted { $0.firstOffset < $1.firstOffset }[...]
        // The size limit of a response may cut its last batch; it comes whole the next time. With
        // nothing before it there would be no progress.
        if case .truncated? = stop, !batches.isEmpty {
            self.stop = nil
        } else {
            self.stop = stop
        }
    }

    var isEmpty: Bool { batches.isEmpty && stop == nil }

    /// The offset after the last batch; nil without one.
    var nextOffset: Int64? { batches.last?.header.nextOffset }

    /// Bytes in memory.
    var byteCount: Int { batches.reduce(0) { $0 + $1.bytes.count } }

    /// Takes the next batch out.
    mutating func popFirst() -> Batch? {
        guard let (header, bytes) = batches.popFirst() else { return nil }
        var isAborted = false
        if isolation == .readCommitted {
            while let next = aborted.first, next.firstOffset <= header.lastOffset {
                aborting.insert(next.producerId)
                aborted.removeFirst()
            }
            if header.attributes.isControl {
                // Every control record of a producer that was aborting ends that transaction.
                aborting.remove(header.producerID)
            } else {
                isAborted = header.attributes.isTransactional
                    && aborting.contains(header.producerID)
            }
        }
        return Batch(
            header: header, bytes: bytes, isSkipped: isAborted || header.attributes.isControl)
    }

    /// One batch to be decoded.
    struct Batch: Sendable {
        let header: RecordBatchHeader
        let bytes: ByteSlice
        /// Its records are nobody's business: markers, or of an aborted transaction.
        let isSkipped: Bool

        /// Appends its records from `position` on. The checksum is verified first where asked for
        /// (I2), also of what is skipped.
        /// - Returns: the bytes of their keys and values.
        /// - Throws: why it cannot be read; `records` is as it was.
        func append(
            to records: inout [Record], from position: Int64, checkChecksum: Bool,
            decompressedBytesMax: Int
        ) throws(RecordError) -> Int {
            if checkChecksum {
                _ = try bytes.withUnsafeBytes { (bytes) throws(RecordError) in
                    try RecordBatchHeader.verified(bytes)
                }
            }
            if isSkipped { return 0 }
            let before = records.count
            var byteCount = 0
            do throws(RecordError) {
                try RecordBatch.forEachRecord(
                    in: bytes, decompressedBytesMax: decompressedBytesMax
                ) { record in
                    // A fetch in the middle of a batch brings the whole of it.
                    guard record.offset >= position else { return }
                    byteCount += (record.key?.count ?? 0) + (record.value?.count ?? 0)
                    records.append(record)
                }
            } catch {
                records.removeLast(records.count - before)
                throw error
            }
            return byteCount
        }
    }
}
