package import VarveWire
internal import VarveLog
internal import VarvePlatform

/// An offset to commit.
package struct OffsetToCommit: Sendable {
    package var topic: String
    package var partition: Int32
    package var offset: Int64
    package var leaderEpoch: Int32 = -1
    package var metadata = ""

    package init(
        topic: String, partition: Int32, offset: Int64, leaderEpoch: Int32 = -1,
        metadata: String = ""
    ) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
    }
}

/// Who commits, and on what terms.
package struct OffsetCommitter: Sendable {
    package var memberID = ""
    package var instanceID: String?
    /// Negative from outside the group protocol.
    package var generation: Int32 = -1
    /// OffsetCommit v9 on: a group that is not there is called so, rather than ILLEGAL_GENERATION.
    package var knowsMissingGroups = false
    /// How long the client wants the offsets kept, in milliseconds; -1 for the broker's rule.
    package var retention: Int64 = -1

    package init() {}
}

/// The verbs of offsets: commit, fetch, delete.
extension GroupCoordinator {
    /// OffsetCommit. `completion` is called once, from any thread, when the offsets are durable
    /// (and from then on are fetched), or with the error for all of them.
    package func commit(
        _ groupID: String, by committer: OffsetCommitter, _ offsets: [OffsetToCommit],
        _ completion: @escaping @Sendable (ErrorCode) -> Void
    ) {
        if let error = unavailability(of: groupID) { return completion(error) }
        let outcome = act(on: groupID, isMade: committer.generation < 0) {
            state, time, _ -> Result<AppendedBatch?, GroupFailure> in
            if let error = state.commitError(committer, at: time) {
                return .failure(GroupFailure(code: error))
            }
            // A retention beyond the end of time is the broker's rule as well.
            let (end, isEndless) = time.wall.addingReportingOverflow(committer.retention)
            let expiry = committer.retention < 0 || isEndless ? -1 : end
            return change(
                offsets.map { .init($0, at: time, expireTime: expiry) }, of: groupID, &state,
                at: time)
        }
        switch outcome {
        case nil where committer.generation < 0: completion(.coordinatorNotAvailable)
        case nil: completion(committer.knowsMissingGroups ? .groupIdNotFound : .illegalGeneration)
        case .failure(let failure): completion(failure.code)
        case .success(nil): completion(.none)
        case .success(let appended?): settle(appended, of: groupID, completion)
        }
    }

    /// What the group has committed, and durably; nil when there is no such group.
    package func committedOffsets(of groupID: String) -> CommittedOffsets? {
        act(on: groupID) { state, _, _ in state.offsets }
    }

    /// The partitions whose offsets an open transaction may yet change (KIP-447).
    package func unstablePartitions(of groupID: String) -> [String: Set<Int32>] {
        act(on: groupID) { state, _, _ in state.transactional.partitions } ?? [:]
    }

    /// OffsetDelete. `completion` gets an error for all, or one for each of `partitions`.
    package func deleteOffsets(
        _ groupID: String, _ partitions: [(topic: String, partition: Int32)],
        _ completion: @escaping @Sendable (ErrorCode, [ErrorCode]) -> Void
    ) {
        if let error = unavailability(of: groupID) { return completion(error, []) }
        var answers: [ErrorCode] = []
        let outcome = act(on: groupID) {
            state, time, _ -> Result<AppendedBatch?, GroupFailure> in
            let group = state.group
            if !group.members.isEmpty && group.protocolType != Group.consumerProtocolType {
                return .failure(GroupFailure(code: .nonEmptyGroup))
            }
            let known = state.latestOffsets
            var changes: [GroupEntry.State.Change] = []
            for (topic, partition) in partitions {
                let isRead = state.isSubscribed(to: topic)
                answers.append(isRead ? .groupSubscribedToTopic : .none)
                guard !isRead, known[topic]?[partition] != nil else { continue }
                changes.append(.init(topic: topic, partition: partition, value: nil))
            }
            return change(changes, of: groupID, &state, at: time)
        }
        let errors = answers
        switch outcome {
        case nil: completion(.groupIdNotFound, [])
        case .failure(let failure): completion(failure.code, [])
        case .success(nil): completion(.none, errors)
        case .success(let appended?):
            settle(appended, of: groupID) { error in
                completion(error, error == .none ? errors : [])
            }
        }
    }

    /// The topic is gone, and so are the offsets committed for it, in every group.
    package func topicDeleted(_ topic: String) {
        for entry in entries {
            let outcome = act(on: entry) { state, time, _ in
                let partitions = state.partitionsInLog[topic] ?? []
                return change(
                    partitions.map { .init(topic: topic, partition: $0, value: nil) },
                    of: entry.id, &state, at: time)
            }
            switch outcome {
            case .success(nil): break
            case .success(let appended?): settle(appended, of: entry.id) { _ in }
            case .failure(let failure):
                logger.warning(
                    "offsets of a deleted topic stay until they expire",
                    ["group": entry.id, "topic": topic, "error": failure.code])
            }
        }
    }

    struct GroupFailure: Error {
        let code: ErrorCode
    }

    /// Appends the changes of one group; nil when there are none. Its lock is held.
    func change(
        _ changes: [GroupEntry.State.Change], of groupID: String,
        _ state: inout GroupEntry.State, at time: GroupTime, deletesGroup: Bool = false
    ) -> Result<AppendedBatch?, GroupFailure> {
        if changes.isEmpty && !deletesGroup { return .success(nil) }
        do {
            var records = GroupRecords(group: groupID, now: time.wall)
            for change in changes {
                try records.add(topic: change.topic, partition: change.partition, change.value)
            }
            if deletesGroup {
                try records.add(group: nil)
                try records.remove(state.consumers)
                try records.remove(state.former)
            }
            let appended = try store.append(&records, of: groupID, now: time.wall)
            state.appended(changes, end: appended.end)
            if deletesGroup {
                state.record = nil
                state.consumers = nil
                state.former = nil
            }
            return .success(appended)
        } catch let error as LogError {
            failed("offsets cannot be stored", groupID, "\(error)")
            return .failure(GroupFailure(code: OffsetStore.errorCode(for: error)))
        } catch {
            failed("offsets cannot be stored", groupID, "\(error)")
            return .failure(GroupFailure(code: .unknownServerError))
        }
    }

    /// Waits until what was appended is durable, makes it visible, and then answers.
    func settle(
        _ appended: AppendedBatch, of groupID: String,
        _ completion: @escaping @Sendable (ErrorCode) -> Void
    ) {
        appended.whenDurable { [self] error in
            _ = act(on: groupID) { state, _, _ in
                if error == nil { state.durable(appended.end) } else { state.lost(appended.end) }
            }
            completion(error.map(OffsetStore.errorCode) ?? .none)
        }
    }
}
