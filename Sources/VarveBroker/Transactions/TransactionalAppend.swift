package import VarveLog
internal import VarvePlatform
package import VarveWire

/// What becomes of an append inside a transaction.
package enum TransactionalAppend<Appended> {
    case appended(Appended)
    /// As the coordinator says it: INVALID_TXN_STATE where the partition does not take part. Each
    /// API has its own way to tell clients.
    case refused(ErrorCode)
}

/// What producers write inside transactions.
extension TransactionCoordinator {
    /// Runs `append` where the partition takes part in the producer's open transaction, durably.
    /// The transaction cannot end meanwhile, so that nothing gets behind its marker (KIP-890).
    package func append<Appended>(
        to partition: TransactionPartition, of id: String, by producer: ProducerIdentity,
        _ append: () throws(LogError) -> Appended
    ) throws(LogError) -> TransactionalAppend<Appended> {
        if let code = unavailability(of: id) { return .refused(code) }
        guard let entry = entry(of: id) else { return .refused(.invalidProducerIdMapping) }
        return try entry.state.withLock { (state) throws(LogError) in
            if state.isDropped { return .refused(.coordinatorNotAvailable) }
            if let code = state.transaction.refusal(of: producer) { return .refused(code) }
            guard state.transaction.contains(partition) else { return .refused(.invalidTxnState) }
            guard state.storedPartitions.contains(partition) else {
                return .refused(.concurrentTransactions)
            }
            return .appended(try append())
        }
    }

    /// Has partitions take part that a producer is about to write to, where it leaves that to the
    /// broker (KIP-890, Produce version 12 on).
    ///
    /// True: nothing is to wait for, go on. False: `action` is run later through `post`, in the
    /// order of these calls, with what went wrong.
    func admit(
        _ partitions: Set<TransactionPartition>, to id: String, by producer: ProducerIdentity,
        post: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void,
        _ action: @escaping @Sendable (TransactionFailure?) -> Void
    ) -> Bool {
        guard unavailability(of: id) == nil, let entry = entry(of: id) else { return true }
        let parked = ParkedAppend(post: post, action: action)
        let isWaiting = entry.state.withLock { state in
            let isFirst = state.parked.isEmpty && state.appendsUnderWay == 0
            let isAdded =
                state.transaction.phase == .ongoing
                && partitions.isSubset(of: state.storedPartitions)
            if isFirst && (isAdded || state.isDropped) { return false }
            state.parked.append(parked)
            return true
        }
        guard isWaiting else { return true }
        add(partitions, to: id, by: producer, .epochPerTransaction) { [self] failure in
            run { entry.ready(parked, failure) }
        }
        return false
    }

    /// AddPartitionsToTxn that only asks: why the producer may not write to the partition, nil
    /// where it may.
    package func refusal(
        _ partition: TransactionPartition, in id: String, by producer: ProducerIdentity
    ) -> ErrorCode? {
        if let code = unavailability(of: id) { return code }
        guard let entry = entry(of: id) else { return .invalidProducerIdMapping }
        return entry.state.withLock { state in
            if let code = state.transaction.refusal(of: producer) { return code }
            return state.storedPartitions.contains(partition)
                && state.transaction.contains(partition) ? nil : .invalidTxnState
        }
    }

    /// TxnOffsetCommit: a group's offsets become part of the transaction. `completion` is called
    /// once, from any thread, when they are durable, or with the error for all of them.
    /// - Parameter addsGroup: the client has not added the group to the transaction by itself.
    package func commitOffsets(
        _ offsets: [OffsetToCommit], of groupID: String, by committer: OffsetCommitter,
        in id: String, _ producer: ProducerIdentity, addsGroup: Bool,
        _ completion: @escaping @Sendable (ErrorCode) -> Void
    ) {
        guard !groupID.isEmpty else { return completion(.invalidGroupId) }
        guard addsGroup else {
            return run { [self] in
                commitOffsetsNow(offsets, of: groupID, by: committer, in: id, producer, completion)
            }
        }
        addOffsets(of: groupID, to: id, by: producer, .epochPerTransaction) { [self] failure in
            if let failure { return completion(failure.code) }
            run { [self] in
                commitOffsetsNow(offsets, of: groupID, by: committer, in: id, producer, completion)
            }
        }
    }

    private func commitOffsetsNow(
        _ offsets: [OffsetToCommit], of groupID: String, by committer: OffsetCommitter,
        in id: String, _ producer: ProducerIdentity,
        _ completion: @escaping @Sendable (ErrorCode) -> Void
    ) {
        guard let partition = groups.offsetsPartition(of: groupID) else {
            return completion(.invalidTxnState)
        }
        do throws(LogError) {
            let outcome = try append(to: partition, of: id, by: producer) {
                groups.commit(groupID, by: committer, offsets, in: producer, completion)
            }
            if case .refused(let code) = outcome { completion(code) }
        } catch {
            completion(OffsetStore.errorCode(for: error))
        }
    }

    /// AddOffsetsToTxn: the group's offsets take part from now on.
    package func addOffsets(
        of groupID: String, to id: String, by producer: ProducerIdentity,
        _ clientProtocol: TransactionProtocol = .classic,
        _ completion: @escaping @Sendable (TransactionFailure?) -> Void
    ) {
        run { [self] in
            do throws(LogError) {
                _ = try groups.makeOffsetsTopic()
            } catch {
                failed("cannot make the offsets topic", id, "\(error)")
                return completion(TransactionFailure(.coordinatorNotAvailable, "\(error)"))
            }
            guard let partition = groups.offsetsPartition(of: groupID) else {
                return completion(TransactionFailure(.coordinatorNotAvailable))
            }
            add([partition], to: id, by: producer, clientProtocol, completion)
        }
    }
}
