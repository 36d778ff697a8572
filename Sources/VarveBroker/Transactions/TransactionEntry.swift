internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// A transactional id in the coordinator: how it stands, and who waits for it.
///
/// Its lock is held while a batch of the transaction is checked and appended, so that the
/// transaction's end, which takes the lock too, never comes between: no batch gets behind its
/// transaction's marker. Locks are taken in the order transaction, group, partition.
final class TransactionEntry: Sendable {
    let id: String
    /// Of `__transaction_state`.
    let partition: Int
    let state: Lock<State>

    struct State {
        /// The latest that was appended, durable or not.
        var transaction: Transaction
        /// Where its record ends.
        var stored: AppendedBatch?
        /// Partitions of the open transaction whose record is durable: only these are written to,
        /// since after a crash nobody would end the transaction in others.
        var storedPartitions: Set<TransactionPartition> = []
        /// Counts transactions, so that news of one is not taken for the next one's.
        var serial = 0
        /// Partitions whose marker is durable, and those whose marker is on its way.
        var markedPartitions: Set<TransactionPartition> = []
        var markersInFlight: Set<TransactionPartition> = []
        /// Who waits for the end that is under way.
        var waiters: [@Sendable (EndingNews) -> Void] = []
        /// Requests that wait for their partitions to be added, in order.
        var parked: [ParkedAppend] = []
        /// Of those, taken out and not done yet.
        var appendsUnderWay = 0
        /// It is no longer the one of its id: forgotten, or its partition was lost.
        var isDropped = false

        init(_ transaction: Transaction) { self.transaction = transaction }

        /// What still has no marker, or may yet get records.
        var openPartitions: Set<TransactionPartition> {
            transaction.partitions.subtracting(markedPartitions)
        }
    }

    init(_ transaction: Transaction, partition: Int) {
        id = transaction.id
        self.partition = partition
        state = Lock(State(transaction))
    }
}

/// What becomes of a transaction's end.
enum EndingNews: Sendable {
    /// All markers are durable; the producer goes on so.
    case completed(ProducerIdentity)
    /// It stands, durably, and some marker cannot be written yet.
    case decided(ProducerIdentity)
    case failed(TransactionFailure)
}

/// A request that waits for its partitions to be added.
final class ParkedAppend: @unchecked Sendable {
    // SAFETY: `outcome` is only touched with the entry's lock held.
    fileprivate var outcome: TransactionFailure??
    /// Runs on the thread that the request's connection wants.
    fileprivate let post: @Sendable (@escaping @Sendable () -> Void) -> Void
    fileprivate let action: @Sendable (TransactionFailure?) -> Void

    init(
        post: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
        action: @escaping @Sendable (TransactionFailure?) -> Void
    ) {
        self.post = post
        self.action = action
    }
}

extension TransactionEntry {
    /// The partitions of `parked` are added, or are not. Requests go on in the order in which they
    /// came, as their sequence numbers need it. On the coordinator's thread.
    func ready(_ parked: ParkedAppend, _ failure: TransactionFailure?) {
        state.withLock { state in
            parked.outcome = .some(failure)
            while let first = state.parked.first, let outcome = first.outcome {
                state.parked.removeFirst()
                state.appendsUnderWay += 1
                first.post { [self] in
                    first.action(outcome)
                    self.state.withLock { $0.appendsUnderWay -= 1 }
                }
            }
        }
    }
}
