package import VarveLog
package import VarvePlatform
package import VarveWire

/// All transactions of the broker: gives transactional ids their producers, remembers durably
/// which partitions take part, decides each transaction once, and has the decision written into
/// every one of them, over crashes too.
///
/// A transaction commits at the moment its PrepareCommit is durable in `__transaction_state`; from
/// then on markers are written until all are there. Verbs that write run one after another through
/// `run`, never on an event loop; what a producer appends is checked and appended under its
/// transaction's lock alone. A state is applied when it is appended and answered when it is
/// durable: where it will never be, the partition's transactions are dropped and read anew.
package final class TransactionCoordinator: Sendable {
    let directory: DataDirectory
    let groups: GroupCoordinator
    let clock: any Clock
    let settings: TransactionSettings
    let logger: Logger
    let store: TransactionStore
    /// Runs a job soon, one after another, where it may wait for the disk.
    let run: @Sendable (@escaping @Sendable () -> Void) -> Void
    let table = Lock(Table())
    /// Transactions decided so far; what timed out is not counted as aborted.
    package let committed = Counter()
    package let aborted = Counter()
    package let timedOut = Counter()
    private let failureLines = LogLimiter(linesPerSecond: 10)

    struct Table {
        var entries: [String: TransactionEntry] = [:]
        /// Partitions of `__transaction_state` that could not be read: their ids are not served.
        var unreadable: Set<Int> = []
        /// Ids whose markers, or the record behind them, have to be tried again.
        var unfinished: Set<String> = []
        var isStopped = false
        var upkeep = TransactionUpkeep()
    }

    package init(
        directory: DataDirectory, groups: GroupCoordinator, clock: any Clock,
        settings: TransactionSettings, logger: Logger,
        run: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
    ) {
        self.directory = directory
        self.groups = groups
        self.clock = clock
        self.settings = settings
        self.logger = logger
        self.run = run
        store = TransactionStore(directory: directory, settings: settings)
    }

    var now: Int64 { clock.wallMilliseconds() }

    // MARK: Start and stop

    /// Reads all transactions back, and has those that are decided written out. Call once, before
    /// the first request and after the groups are loaded.
    ///
    /// A partition of `__transaction_state` that cannot be read is reported and left alone: its
    /// ids answer COORDINATOR_NOT_AVAILABLE until it can.
    package func load() {
        guard let topic = store.topic else { return }
        for number in topic.partitions.indices { load(number, of: topic) }
    }

    private func load(_ number: Int, of topic: Topic) {
        let stored: StoredTransactions
        do throws(LogError) {
            stored = try StoredTransactions(reading: topic.partitions[number])
        } catch {
            let isNew = table.withLock { $0.unreadable.insert(number).inserted }
            guard isNew else { return }
            return logger.error(
                "transactions cannot be read; their ids are not served",
                ["partition": number, "cause": "\(error)"])
        }
        if stored.unreadable > 0 {
            logger.warning(
                "records in __transaction_state that are none",
                ["partition": number, "records": stored.unreadable])
        }
        for transaction in stored.transactions.values {
            let entry = TransactionEntry(transaction, partition: number)
            entry.state.withLock { $0.storedPartitions = transaction.partitions }
            table.withLock { $0.entries[transaction.id] = entry }
            if transaction.phase.isPrepared { run { [self] in finish(entry) } }
        }
        let wasUnreadable = table.withLock { $0.unreadable.remove(number) != nil }
        if wasUnreadable { logger.info("transactions are read again", ["partition": number]) }
    }

    /// Tries the partitions again that could not be read, or were lost: their disk may be well.
    func reloadUnreadable() {
        let unreadable = table.withLock { $0.unreadable }
        guard !unreadable.isEmpty, let topic = store.topic else { return }
        for number in unreadable.sorted() where topic.partitions[number].isOnline {
            load(number, of: topic)
        }
    }

    /// From now on every call finds no coordinator. Ends under way go on.
    package func stop() { table.withLock { $0.isStopped = true } }

    /// What is appended to the partition may never be durable: its transactions stand as the disk
    /// has them, once it can be read again. On the coordinator's thread.
    func lose(_ number: Int, _ cause: String) {
        let lost = table.withLock { table -> [TransactionEntry] in
            guard table.unreadable.insert(number).inserted else { return [] }
            let lost = table.entries.values.filter { $0.partition == number }
            for entry in lost {
                table.entries[entry.id] = nil
                table.unfinished.remove(entry.id)
            }
            return lost
        }
        guard !lost.isEmpty else { return }
        logger.error(
            "transactions cannot be written; their ids are not served until they can be read",
            ["partition": number, "transactions": lost.count, "cause": cause])
        let failure = TransactionFailure(.coordinatorNotAvailable, cause)
        for entry in lost { answer(drop(entry), .failed(failure)) }
    }

    /// Takes the entry out of use; its waiters are returned.
    func drop(_ entry: TransactionEntry) -> [@Sendable (EndingNews) -> Void] {
        entry.state.withLock { state in
            state.isDropped = true
            defer { state.waiters = [] }
            return state.waiters
        }
    }

    func answer(_ waiters: [@Sendable (EndingNews) -> Void], _ news: EndingNews) {
        for waiter in waiters { waiter(news) }
    }

    // MARK: Entries

    /// `__transaction_state`, made when it is missing. Durable on return; takes many syncs.
    package func makeTopic() throws(LogError) -> Topic { try store.makeTopic(now: now) }

    /// The id's entry; nil when there is none.
    func entry(of id: String) -> TransactionEntry? { table.withLock { $0.entries[id] } }

    /// Every transactional id, in no order.
    var entries: [TransactionEntry] { table.withLock { Array($0.entries.values) } }

    /// Throws where requests for the id cannot be served at all.
    func checkAvailable(_ id: String) throws(TransactionFailure) {
        guard !id.isEmpty else { throw TransactionFailure(.invalidRequest, "no transactional id") }
        if let code = unavailability(of: id) { throw TransactionFailure(code) }
    }

    /// Why the id is not served; nil where it is.
    package func unavailability(of id: String) -> ErrorCode? {
        table.withLock { table in
            if table.isStopped { return .coordinatorNotAvailable }
            guard !table.unreadable.isEmpty else { return nil }
            return table.unreadable.contains(store.partition(of: id))
                ? .coordinatorNotAvailable : nil
        }
    }

    /// The entry of an id that must be known.
    /// - Throws: INVALID_PRODUCER_ID_MAPPING where it is not.
    func known(_ id: String) throws(TransactionFailure) -> TransactionEntry {
        try checkAvailable(id)
        guard let entry = entry(of: id) else {
            throw TransactionFailure(.invalidProducerIdMapping, "no such transactional id")
        }
        return entry
    }

    // MARK: Storing

    /// Appends `next` and takes it for the state. Its lock is held, on the coordinator's thread.
    /// - Throws: COORDINATOR_NOT_AVAILABLE, which clients retry; the state is as it was.
    func put(
        _ next: Transaction, into state: inout TransactionEntry.State
    ) throws(TransactionFailure) {
        guard !state.isDropped else { throw TransactionFailure(.coordinatorNotAvailable) }
        do throws(LogError) {
            state.stored = try store.append(next.id, next.value, now: now)
        } catch {
            failed("a transaction cannot be stored", next.id, "\(error)")
            throw TransactionFailure(.coordinatorNotAvailable, "\(error)")
        }
        if next.phase == .ongoing && state.transaction.phase != .ongoing {
            state.serial += 1
            state.storedPartitions = []
            state.markedPartitions = []
        }
        // An abort may end what never began.
        if next.phase.isPrepared { state.markedPartitions = [] }
        state.transaction = next
    }

    /// Calls `completion` when the entry's state is durable, or will never be. Not with its lock.
    func whenStored(
        _ entry: TransactionEntry, _ completion: @escaping @Sendable (TransactionFailure?) -> Void
    ) {
        let stored = entry.state.withLock { state -> AppendedBatch?? in
            state.isDropped ? nil : .some(state.stored)
        }
        guard let stored else {
            return completion(TransactionFailure(.coordinatorNotAvailable))
        }
        // What was read at the start is durable.
        guard let stored else { return completion(nil) }
        stored.whenDurable { [self] error in
            guard let error else { return completion(nil) }
            run { [self] in lose(entry.partition, "\(error)") }
            completion(TransactionFailure(.coordinatorNotAvailable, "\(error)"))
        }
    }

    /// A producer id that nobody had.
    func newProducerID() throws(TransactionFailure) -> Int64 {
        do throws(LogError) {
            return try directory.nextProducerID()
        } catch {
            failed("cannot hand out a producer id", "", "\(error)")
            throw TransactionFailure(.coordinatorNotAvailable, "\(error)")
        }
    }

    /// Reports what could not be written. Clients repeat their requests fast while a disk is full
    /// or sick, so few of these lines are written.
    func failed(_ event: String, _ id: String, _ cause: String) {
        guard let omitted = failureLines.admit(now: clock.monotonicMilliseconds()) else { return }
        logger.warning(event, ["transactionalId": id, "cause": cause, "omitted": omitted])
    }
}
