import Testing
import VarvePlatform
import VarveRecords
import VarveSimulation

@testable import VarveLog

/// The transactions of the cleaning model (KIP-98): what they make of records, and when compaction
/// may take a marker.
extension CleaningModel {
    struct Transaction {
        let producer: Int64
        /// Base offsets of its batches.
        var batches: [Int64]
        /// Nil while it is open.
        var marker: Int64?
        var isCommit = false
    }

    /// All of them, those without a marker last.
    var transactions: [Transaction] {
        var done: [Transaction] = []
        var open: [Int64: Transaction] = [:]
        for (base, batch) in batches.sorted(by: { $0.key < $1.key })
        where batch.header.attributes.isTransactional {
            let id = batch.header.producerID
            if let isCommit = batch.isCommit {
                var ended = open.removeValue(forKey: id) ?? Transaction(producer: id, batches: [])
                ended.marker = base
                ended.isCommit = isCommit
                done.append(ended)
            } else {
                open[id, default: Transaction(producer: id, batches: [])].batches.append(base)
            }
        }
        return done + open.values.sorted { $0.batches[0] < $1.batches[0] }
    }

    /// Base offsets of the batches whose transaction was aborted.
    var abortedBatches: Set<Int64> {
        Set(transactions.filter { $0.marker != nil && !$0.isCommit }.flatMap(\.batches))
    }

    /// Notes which markers a compaction that reaches to `end` may take: those of transactions of
    /// which nothing need be left, also because the log begins behind it.
    mutating func markersBegin(end: Int64, deleteRetention: Int64, now: Int64) {
        for transaction in transactions {
            guard let marker = transaction.marker, marker < end,
                transaction.batches.allSatisfy({ base in
                    entries.values.allSatisfy {
                        $0.batch != base || $0.mayBeGone || $0.record.offset < startMax
                    }
                })
            else { continue }
            let horizon = min(entries[marker]!.horizonMin ?? Int64.max, now + deleteRetention)
            entries[marker]!.horizonMin = horizon
            // Also in this one: it may take several passes.
            if now >= horizon { entries[marker]!.isExpired = true }
        }
    }

    /// Holds what a reader of committed records gets against the model: no aborted record, no open
    /// one, and no committed one is missing but what compaction may have taken.
    func checkTransactions(_ log: PartitionLog, _ context: String) throws {
        let (start, end) = (log.startOffset, log.lastStableOffset)
        var stable = log.durableEnd
        for transaction in transactions
        where transaction.marker.map({ $0 >= log.durableEnd }) ?? true {
            if let first = transaction.batches.first { stable = min(stable, first) }
        }
        require(
            end == max(start, stable), "\(context): last stable offset \(end), not \(stable)")
        let aborted = abortedBatches
        let shown = try log.committedRecords()
        for offset in shown.keys {
            require(
                entries[offset].map { !aborted.contains($0.batch) && !$0.isMarker } ?? false,
                "\(context): offset \(offset) was shown as committed")
        }
        for (offset, entry) in entries
        where offset >= start && offset < end && !entry.mayBeGone && !entry.isMarker {
            require(
                shown[offset] != nil || aborted.contains(entry.batch),
                "\(context): committed offset \(offset) is hidden")
        }
    }
}
