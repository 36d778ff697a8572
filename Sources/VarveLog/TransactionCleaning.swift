internal import VarveRecords

/// Tells a compaction what transactions make of the batches it passes, which it hands over in
/// order, below the last stable offset.
///
/// The index entry of an aborted transaction stays as long as its marker does, and goes with it: a
/// reader that was told of it and never met the marker would drop what the producer wrote later.
/// Source: Kafka's CleanedTransactionMetadata.
struct TransactionCleaning {
    private let aborted: [AbortedTransaction]
    private var reached = 0
    /// By producer: the aborted transaction that the pass is in.
    private var open: [Int64: AbortedTransaction] = [:]
    /// Producers of whom a transactional batch was passed since their last marker.
    private var withBatches: Set<Int64> = []

    /// - Parameter aborted: those with records in the part that is passed.
    init(aborted: [AbortedTransaction]) {
        self.aborted = aborted.sorted { $0.firstOffset < $1.firstOffset }
    }

    /// Whether the batch belongs to an aborted transaction: then no reader of committed records
    /// ever sees its records. They go, whatever their keys, and make no other record go.
    mutating func isAborted(_ header: RecordBatchHeader) -> Bool {
        while reached < aborted.count, aborted[reached].firstOffset <= header.lastOffset {
            let transaction = aborted[reached]
            if transaction.lastOffset > header.lastOffset {
                open[transaction.producerID] = transaction
            }
            reached += 1
        }
        guard header.attributes.isTransactional, !header.attributes.isControl else { return false }
        withBatches.insert(header.producerID)
        guard let transaction = open[header.producerID] else { return false }
        if header.lastOffset < transaction.lastOffset { return true }
        open[header.producerID] = nil
        return false
    }

    /// Whether no batch of the transaction that the marker ends was passed, not even an empty one:
    /// then nothing before it needs it. To be asked of each marker, once.
    mutating func isAlone(_ marker: RecordBatchHeader) -> Bool {
        withBatches.remove(marker.producerID) == nil
    }
}
