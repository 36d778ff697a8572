internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// What producers ask for: to begin, to add partitions, to end. Each `completion` is called once,
/// from any thread, when the outcome is durable.
extension TransactionCoordinator {
    /// InitProducerId: a producer begins under this id, and locks out the one before it.
    ///
    /// An open transaction of that one is aborted first, and the answer comes when that is done.
    /// - Parameter timeout: milliseconds; INVALID_TRANSACTION_TIMEOUT beyond
    ///   `transaction.max.timeout.ms`.
    /// - Parameter expected: what the producer had, where it only wants its epoch raised (KIP-360).
    package func initialize(
        _ id: String, timeout: Int32, expected: ProducerIdentity? = nil,
        _ completion: @escaping @Sendable (Result<ProducerIdentity, TransactionFailure>) -> Void
    ) {
        run { [self] in
            do throws(TransactionFailure) {
                try initializeNow(id, timeout: timeout, expected: expected, completion)
            } catch {
                completion(.failure(error))
            }
        }
    }

    private func initializeNow(
        _ id: String, timeout: Int32, expected: ProducerIdentity?,
        _ completion: @escaping @Sendable (Result<ProducerIdentity, TransactionFailure>) -> Void
    ) throws(TransactionFailure) {
        try checkAvailable(id)
        guard timeout > 0, Int64(timeout) <= settings.timeoutMax else {
            throw TransactionFailure(
                .invalidTransactionTimeout,
                "\(timeout) ms; transaction.max.timeout.ms is \(settings.timeoutMax)")
        }
        guard let entry = entry(of: id) else {
            return answerReady(try makeEntry(id, timeout: timeout), completion)
        }
        let isAborting = try entry.state.withLock { (state) throws(TransactionFailure) -> Bool in
            let outcome = try state.transaction.initialized(
                by: expected, timeout: timeout, at: now
            ) { () throws(TransactionFailure) in try newProducerID() }
            switch outcome {
            case .refused(let code): throw TransactionFailure(code)
            case .ready(let next):
                if next != state.transaction { try put(next, into: &state) }
                return false
            case .abortsFirst(let next):
                try put(next, into: &state)
                aborted.add()
                state.waiters.append { [self] news in
                    switch news {
                    case .completed:
                        initialize(id, timeout: timeout, expected: expected, completion)
                    case .decided: completion(.failure(.init(.concurrentTransactions)))
                    case .failed(let failure): completion(.failure(failure))
                    }
                }
                return true
            }
        }
        if isAborting { beginEnding(entry) } else { answerReady(entry, completion) }
    }

    private func makeEntry(
        _ id: String, timeout: Int32
    ) throws(TransactionFailure) -> TransactionEntry {
        guard table.withLock({ $0.entries.count < settings.idsMax }) else {
            failed("too many transactional ids", id, "varve.transactional.ids.max is reached")
            throw TransactionFailure(
                .policyViolation, "there are \(settings.idsMax) transactional ids already")
        }
        do throws(LogError) {
            _ = try makeTopic()
        } catch {
            failed("cannot make the transactions topic", id, "\(error)")
            throw TransactionFailure(.coordinatorNotAvailable, "\(error)")
        }
        let new = Transaction(id: id, producerID: try newProducerID(), timeout: timeout, at: now)
        let entry = TransactionEntry(new, partition: store.partition(of: id))
        try entry.state.withLock { (state) throws(TransactionFailure) in
            try put(new, into: &state)
        }
        table.withLock { $0.entries[id] = entry }
        return entry
    }

    /// Answers with what the producer is, when that is durable.
    private func answerReady(
        _ entry: TransactionEntry,
        _ completion: @escaping @Sendable (Result<ProducerIdentity, TransactionFailure>) -> Void
    ) {
        let producer = entry.state.withLock { $0.transaction.producer }
        whenStored(entry) { failure in
            completion(failure.map { .failure($0) } ?? .success(producer))
        }
    }

    /// AddPartitionsToTxn, AddOffsetsToTxn: these partitions take part from now on.
    package func add(
        _ partitions: Set<TransactionPartition>, to id: String, by producer: ProducerIdentity,
        _ clientProtocol: TransactionProtocol = .classic,
        _ completion: @escaping @Sendable (TransactionFailure?) -> Void
    ) {
        run { [self] in
            do throws(TransactionFailure) {
                let entry = try known(id)
                let serial = try entry.state.withLock {
                    (state) throws(TransactionFailure) -> Int in
                    let next = try state.transaction.adding(
                        partitions, by: producer, clientProtocol,
                        countMax: settings.partitionsMax, at: now
                    ).get()
                    if next != state.transaction { try put(next, into: &state) }
                    return state.serial
                }
                whenStored(entry) { [self] failure in
                    if let failure { return completion(failure) }
                    // Not on the committer's thread: a producer may hold the lock while it waits
                    // for a commit that makes room.
                    run {
                        entry.state.withLock { state in
                            guard state.serial == serial else { return }
                            state.storedPartitions.formUnion(partitions)
                        }
                        completion(nil)
                    }
                }
            } catch {
                completion(error)
            }
        }
    }

    /// EndTxn: the transaction commits or aborts. Answered when its markers are durable, so that
    /// whoever reads after that sees all of it; where a marker cannot be written yet, already when
    /// the decision is durable.
    package func end(
        _ id: String, commits: Bool, by producer: ProducerIdentity,
        _ clientProtocol: TransactionProtocol = .classic,
        _ completion: @escaping @Sendable (Result<ProducerIdentity, TransactionFailure>) -> Void
    ) {
        run { [self] in
            do throws(TransactionFailure) {
                let entry = try known(id)
                let isNew = try entry.state.withLock { (state) throws(TransactionFailure) -> Bool in
                    let outcome = try state.transaction.ended(
                        commits: commits, by: producer, clientProtocol, at: now
                    ) { () throws(TransactionFailure) in try newProducerID() }
                    switch outcome {
                    case .refused(let code): throw TransactionFailure(code)
                    case .done: return false
                    case .prepared(let next):
                        try put(next, into: &state)
                        (commits ? committed : aborted).add()
                        state.waiters.append { news in
                            switch news {
                            case .completed(let next), .decided(let next):
                                completion(.success(next))
                            case .failed(let failure): completion(.failure(failure))
                            }
                        }
                        return true
                    }
                }
                if isNew { beginEnding(entry) } else { answerReady(entry, completion) }
            } catch {
                completion(.failure(error))
            }
        }
    }
}
