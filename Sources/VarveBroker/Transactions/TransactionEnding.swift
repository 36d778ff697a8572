internal import VarveLog
internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

/// The way from a decision to its markers in every partition: on the coordinator's thread.
extension TransactionCoordinator {
    /// The term of this coordinator: one broker has been it from the start.
    private static let coordinatorEpoch: Int32 = 0

    /// The decision is appended: the markers follow when it is durable. If it never is, `lose`
    /// answers who waits.
    func beginEnding(_ entry: TransactionEntry) {
        whenStored(entry) { [self] failure in
            if failure == nil { run { [self] in finish(entry) } }
        }
    }

    /// Writes what markers are missing; completes the transaction where none is. May be called at
    /// any time again.
    func finish(_ entry: TransactionEntry) {
        let found = entry.state.withLock { state -> (Transaction, Set<TransactionPartition>)? in
            guard !state.isDropped, state.transaction.phase.isPrepared else { return nil }
            let missing = state.openPartitions.subtracting(state.markersInFlight)
            state.markersInFlight.formUnion(missing)
            return (state.transaction, missing)
        }
        guard let (transaction, missing) = found else { return }
        for partition in missing.sorted() {
            do throws(LogError) {
                guard
                    let marker = try writeMarker(
                        of: transaction.producer, commits: transaction.phase == .prepareCommit,
                        into: partition)
                else {
                    markerSettled(entry, transaction, partition, nil)
                    continue
                }
                marker.whenDurable { [self] error in
                    run { [self] in
                        if error == nil { ended(transaction, in: partition, at: marker.end) }
                        markerSettled(entry, transaction, partition, error)
                    }
                }
            } catch {
                markerSettled(entry, transaction, partition, error)
            }
        }
        completeIfMarked(entry)
    }

    /// Appends the marker that ends the producer's transaction in a partition. Nil where there is
    /// nothing to end: the topic was deleted.
    func writeMarker(
        of producer: ProducerIdentity, commits: Bool, into partition: TransactionPartition
    ) throws(LogError) -> AppendedBatch? {
        guard let log = directory.topic(partition.topic)?.partition(partition.index) else {
            return nil
        }
        let marker = TransactionMarker(
            isCommit: commits, coordinatorEpoch: Self.coordinatorEpoch)
        do throws(LogError) {
            // An administrator's marker may have named a later term; there is no other coordinator.
            return try append(marker, of: producer, to: log, takesAnyEpoch: true)
        } catch {
            switch error {
            case .unknownTopic: return nil
            case .invalidProducerEpoch, .tooManyTransactions:
                // The log knows a later epoch, or has never seen the producer and has no room for
                // it: either way no transaction of this epoch is open there.
                logger.warning(
                    "a transaction's marker is not needed",
                    [
                        "topic": partition.topic, "partition": partition.index,
                        "producerId": producer.id, "cause": "\(error)",
                    ])
                return nil
            default: throw error
            }
        }
    }

    /// Appends a marker, under the coordinator epoch of the producer's last one where that is
    /// later and `takesAnyEpoch`.
    func append(
        _ marker: TransactionMarker, of producer: ProducerIdentity, to log: PartitionLog,
        takesAnyEpoch: Bool
    ) throws(LogError) -> AppendedBatch {
        var marker = marker
        do throws(LogError) {
            let result = try log.appendMarker(
                marker, producerID: producer.id, epoch: producer.epoch, now: now)
            return AppendedBatch(log: log, result: result)
        } catch {
            guard takesAnyEpoch, case .coordinatorFenced(let current, _) = error else {
                throw error
            }
            marker.coordinatorEpoch = current
        }
        let result = try log.appendMarker(
            marker, producerID: producer.id, epoch: producer.epoch, now: now)
        return AppendedBatch(log: log, result: result)
    }

    /// The marker is durable: offsets that the transaction committed count, or are forgotten.
    private func ended(
        _ transaction: Transaction, in partition: TransactionPartition, at end: Int64
    ) {
        guard partition.topic == BrokerState.offsetsTopic else { return }
        groups.endTransaction(
            of: transaction.producer.id, in: Int(partition.index),
            commits: transaction.phase == .prepareCommit, end: end)
    }

    /// The marker is durable, is not needed, or could not be written for now.
    private func markerSettled(
        _ entry: TransactionEntry, _ transaction: Transaction, _ partition: TransactionPartition,
        _ error: LogError?
    ) {
        let waiters = entry.state.withLock { state -> [@Sendable (EndingNews) -> Void] in
            guard state.transaction == transaction else { return [] }
            state.markersInFlight.remove(partition)
            guard error == nil else {
                defer { state.waiters = [] }
                return state.waiters
            }
            state.markedPartitions.insert(partition)
            return []
        }
        if let error {
            failed("a transaction's marker cannot be written", entry.id, "\(error)")
            table.withLock {
                if $0.entries[entry.id] === entry { _ = $0.unfinished.insert(entry.id) }
            }
            answer(waiters, .decided(transaction.completed(at: now).producer))
        }
        completeIfMarked(entry)
    }

    /// Writes the end behind the markers, when all are durable. The answer need not wait until
    /// that is durable too: a crash has the markers written once more, which changes nothing, and
    /// nothing later of this id can be durable before it.
    private func completeIfMarked(_ entry: TransactionEntry) {
        var failure: TransactionFailure?
        let done = entry.state.withLock { state -> (
            waiters: [@Sendable (EndingNews) -> Void], producer: ProducerIdentity
        )? in
            guard !state.isDropped, state.transaction.phase.isPrepared, state.openPartitions.isEmpty
            else { return nil }
            let next = state.transaction.completed(at: now)
            do throws(TransactionFailure) {
                try put(next, into: &state)
            } catch {
                failure = error
            }
            defer { state.waiters = [] }
            return (state.waiters, next.producer)
        }
        guard let done else { return }
        table.withLock { table in
            if failure == nil {
                table.unfinished.remove(entry.id)
            } else if table.entries[entry.id] === entry {
                table.unfinished.insert(entry.id)
            }
        }
        answer(done.waiters, failure == nil ? .completed(done.producer) : .decided(done.producer))
        if failure == nil { whenStored(entry) { _ in } }
    }
}
