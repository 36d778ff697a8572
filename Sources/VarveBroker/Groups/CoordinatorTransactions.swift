internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// Offsets inside transactions: pending until the marker in `__consumer_offsets` says commit.
extension GroupCoordinator {
    /// The partition of `__consumer_offsets` whose marker decides on the group's offsets; nil while
    /// there is no such topic.
    func offsetsPartition(of groupID: String) -> TransactionPartition? {
        guard let topic = store.topic else { return nil }
        let index = OffsetStore.partition(of: groupID, count: topic.partitions.count)
        return TransactionPartition(topic: topic.name, index: Int32(index))
    }

    /// TxnOffsetCommit: the offsets become part of the producer's transaction, which the caller
    /// keeps open meanwhile. `completion` is called once, from any thread, when they are durable,
    /// or with the error for all of them.
    func commit(
        _ groupID: String, by committer: OffsetCommitter, _ offsets: [OffsetToCommit],
        in producer: ProducerIdentity, _ completion: @escaping @Sendable (ErrorCode) -> Void
    ) {
        if let error = unavailability(of: groupID) { return completion(error) }
        let outcome = act(on: groupID, isMade: committer.generation < 0) {
            state, time, _ -> Result<AppendedBatch?, GroupFailure> in
            if let error = state.commitError(committer, isTransactional: true, at: time) {
                return .failure(GroupFailure(code: error))
            }
            return append(
                offsets.map { .init($0, at: time, expireTime: -1) }, of: groupID, in: producer,
                &state, at: time)
        }
        switch outcome {
        case nil where committer.generation < 0: completion(.coordinatorNotAvailable)
        case nil: completion(.illegalGeneration)
        case .failure(let failure): completion(failure.code)
        case .success(nil): completion(.none)
        case .success(let appended?):
            appended.whenDurable { error in
                completion(error.map(OffsetStore.errorCode) ?? .none)
            }
        }
    }

    private func append(
        _ changes: [GroupEntry.State.Change], of groupID: String, in producer: ProducerIdentity,
        _ state: inout GroupEntry.State, at time: GroupTime
    ) -> Result<AppendedBatch?, GroupFailure> {
        if changes.isEmpty { return .success(nil) }
        do {
            var records = GroupRecords(group: groupID, now: time.wall, isTransactional: true)
            for change in changes {
                try records.add(topic: change.topic, partition: change.partition, change.value)
            }
            let appended = try store.append(
                &records, of: groupID, in: producer, now: time.wall)
            state.appended(changes, of: producer.id)
            note([producer.id], of: groupID)
            return .success(appended)
        } catch let error as LogError {
            failed("offsets cannot be stored", groupID, "\(error)")
            if case .invalidProducerEpoch = error {
                return .failure(GroupFailure(code: .invalidProducerEpoch))
            }
            return .failure(GroupFailure(code: OffsetStore.errorCode(for: error)))
        } catch {
            failed("offsets cannot be stored", groupID, "\(error)")
            return .failure(GroupFailure(code: .unknownServerError))
        }
    }

    /// Remembers which groups a producer's transaction is about.
    func note(_ producerIDs: some Sequence<Int64>, of groupID: String) {
        transactionGroups.withLock { groups in
            for id in producerIDs { groups[id, default: []].insert(groupID) }
        }
    }

    /// The marker of the producer's transaction is durable in a partition of `__consumer_offsets`:
    /// its offsets count from now on, or never will.
    /// - Parameter end: behind the marker.
    func endTransaction(of producerID: Int64, in partition: Int, commits: Bool, end: Int64) {
        guard let count = store.topic?.partitions.count else { return }
        let ended = transactionGroups.withLock { groups -> Set<String> in
            let ended = (groups[producerID] ?? []).filter {
                OffsetStore.partition(of: $0, count: count) == partition
            }
            groups[producerID]?.subtract(ended)
            if groups[producerID]?.isEmpty == true { groups[producerID] = nil }
            return ended
        }
        for groupID in ended {
            _ = act(on: groupID) { state, _, _ in
                state.ended(producerID, commits: commits, end: end)
            }
        }
    }
}

extension GroupEntry.State.Change {
    /// What a client commits, at this time.
    init(_ new: OffsetToCommit, at time: GroupTime, expireTime: Int64) {
        self.init(
            topic: new.topic, partition: new.partition,
            value: CommittedOffset(
                offset: new.offset, leaderEpoch: new.leaderEpoch, metadata: new.metadata,
                commitTime: time.wall, expireTime: expireTime))
    }
}
