internal import VarveLog
internal import VarvePlatform
package import VarveWire

/// The verbs of the consumer protocol (KIP-848): heartbeat and describe. A group is of the
/// protocol that its members came with; while it has none it takes either, and keeps its offsets.
extension GroupCoordinator {
    /// ConsumerGroupHeartbeat. `completion` is called once, from any thread, maybe before this
    /// returns: when the group's records are durable as the answer was made from them, so that no
    /// restart takes back what a member was told.
    package func beat(
        _ groupID: String, _ request: ConsumerHeartbeat,
        _ completion: @escaping @Sendable (Result<ConsumerAnswer, ConsumerRefusal>) -> Void
    ) {
        if groupID.isEmpty {
            return completion(
                .failure(
                    ConsumerRefusal(error: .invalidRequest, message: "GroupId can't be empty.")))
        }
        if let error = unavailability(of: groupID) {
            return completion(.failure(ConsumerRefusal(error: error)))
        }
        if let refusal = request.refusal(settings.consumers) {
            return completion(.failure(refusal))
        }
        let catalog = catalog(for: request)
        let isJoining = request.epoch == ConsumerHeartbeat.joining
        let outcome = act(on: groupID, isMade: isJoining) { state, time, _ in
            beat(groupID, request, catalog, &state, at: time)
        }
        switch outcome {
        case nil where isJoining:
            completion(.failure(ConsumerRefusal(error: .coordinatorNotAvailable)))
        case nil:
            // Kafka says GROUP_ID_NOT_FOUND here, which ends its clients. This has them join.
            completion(
                .failure(
                    ConsumerRefusal(
                        error: .unknownMemberId, message: "Group \(groupID) not found.")))
        case .failure(let refusal)?: completion(.failure(refusal))
        case .success(let standing)?:
            guard let log = standing.log else { return completion(.success(standing.answer)) }
            settleConsumers(log, standing.end, of: groupID) { error in
                let failure = error.map { ConsumerRefusal(error: $0) }
                completion(failure.map { .failure($0) } ?? .success(standing.answer))
            }
        }
    }

    /// An answer, and what must be durable before it is given.
    private struct Standing {
        let answer: ConsumerAnswer
        var log: PartitionLog?
        var end: Int64 = 0
    }

    private func catalog(for request: ConsumerHeartbeat) -> TopicCatalog {
        let now = clock.monotonicMilliseconds()
        return catalogs.withLock {
            $0.catalog(
                of: directory, now: now,
                ageMax: request.namesTopics
                    ? TopicCatalogCache.ageMaxOfSubscriptions : TopicCatalogCache.ageMax,
                names: request.topicNames ?? [])
        }
    }

    /// The heartbeat, with the group's lock held.
    private func beat(
        _ groupID: String, _ request: ConsumerHeartbeat, _ catalog: TopicCatalog,
        _ state: inout GroupEntry.State, at time: GroupTime
    ) -> Result<Standing, ConsumerRefusal> {
        var consumers: ConsumerState
        if let found = state.consumers {
            consumers = found
        } else {
            guard !state.hasMembers else {
                return .failure(
                    ConsumerRefusal(
                        error: .groupIdNotFound,
                        message: "Group \(groupID) is not a consumer group: its members use the "
                            + "classic protocol."))
            }
            guard request.epoch == ConsumerHeartbeat.joining else {
                return .failure(
                    ConsumerRefusal(
                        error: .unknownMemberId,
                        message: "Member \(request.memberID) is not a member of group \(groupID).")
                )
            }
            consumers = ConsumerState(ConsumerGroup(id: groupID, limits: settings.consumers))
        }
        do throws(ConsumerRefusal) {
            let answer = try consumers.group.heartbeat(
                request, topics: catalog, at: time.monotonic)
            var standing = Standing(answer: answer)
            if let failure = append(&consumers, of: groupID, &state, at: time) {
                // The group stays as it was; that its member lives counts all the same.
                state.consumers?.group.prolong(request.memberID, at: time.monotonic)
                return .failure(ConsumerRefusal(error: failure))
            }
            if request.epoch >= 0 {
                consumers.group.prolong(request.memberID, at: time.monotonic)
            }
            if let last = consumers.pending.last {
                standing.log = store.topic.map { $0.partitions[partition(of: groupID, in: $0)] }
                standing.end = last.end
            }
            state.consumers = consumers
            return .success(standing)
        } catch {
            return .failure(error)
        }
    }

    private func partition(of groupID: String, in topic: Topic) -> Int {
        OffsetStore.partition(of: groupID, count: topic.partitions.count)
    }

    /// Appends what changed of the group as one batch, with the end of its life as a classic one.
    /// Nothing is appended, and the error returned, when that cannot be.
    private func append(
        _ consumers: inout ConsumerState, of groupID: String, _ state: inout GroupEntry.State,
        at time: GroupTime
    ) -> ErrorCode? {
        do {
            let changes = consumers.group.takeChanges()
            let written = try consumers.difference(changes)
            guard !written.isEmpty else { return nil }
            var records = GroupRecords(group: groupID, now: time.wall)
            if state.record != nil { try records.add(group: nil) }
            for (id, value) in written { try records.add(id, value) }
            let appended = try store.append(&records, of: groupID, now: time.wall)
            consumers.appended(written, end: appended.end)
            state.record = nil
            return nil
        } catch let error as LogError {
            failed("a group cannot be stored", groupID, "\(error)")
            let code = OffsetStore.errorCode(for: error)
            return code == .invalidCommitOffsetSize ? .unknownServerError : code
        } catch {
            failed("a group cannot be stored", groupID, "\(error)")
            return .unknownServerError
        }
    }

    /// Waits until the group's records up to `end` are durable.
    private func settleConsumers(
        _ log: PartitionLog, _ end: Int64, of groupID: String,
        _ completion: @escaping @Sendable (ErrorCode?) -> Void
    ) {
        log.whenDurable(end) { [self] error in
            _ = act(on: groupID) { state, _, _ in
                if error == nil {
                    state.consumers?.durable(end)
                } else {
                    state.consumers?.lost(end)
                }
            }
            completion(error.map(OffsetStore.errorCode))
        }
    }

    // MARK: Time

    /// Takes out members whose time is over. What cannot be written is tried again at the next
    /// tick.
    func expireConsumers(_ entry: GroupEntry, at time: GroupTime) {
        let standing = act(on: entry) { state, _, _ -> (log: PartitionLog, end: Int64)? in
            guard var consumers = state.consumers, state.group.state != .dead,
                let deadline = consumers.group.nextDeadline, deadline <= time.monotonic
            else { return nil }
            let fenced = consumers.group.tick(at: time.monotonic)
            guard !fenced.isEmpty, append(&consumers, of: entry.id, &state, at: time) == nil else {
                return nil
            }
            state.consumers = consumers
            for (memberID, reason) in fenced {
                logger.info(
                    "a member is fenced from its consumer group",
                    ["group": entry.id, "member": memberID, "reason": reason])
            }
            guard let last = consumers.pending.last, let topic = store.topic else { return nil }
            return (topic.partitions[partition(of: entry.id, in: topic)], last.end)
        }
        if let standing { settleConsumers(standing.log, standing.end, of: entry.id) { _ in } }
    }

    // MARK: Looking

    /// The consumer group as it is. Nil when there is none of that name; a group of the classic
    /// protocol is none.
    package func describeConsumers(_ groupID: String) -> ConsumerGroup? {
        act(on: groupID) { state, _, _ in state.consumers?.group } ?? nil
    }

    /// Whether a member may fetch its group's offsets in `epoch`; nil when it may. Members of the
    /// classic protocol always may.
    package func fetchError(_ groupID: String, memberID: String?, epoch: Int32) -> ErrorCode? {
        guard memberID != nil || epoch >= 0 else { return nil }
        let error = act(on: groupID) { state, _, _ in
            state.consumers?.group.epochError(memberID: memberID ?? "", epoch: epoch)
        }
        return error ?? nil
    }

    // MARK: Between the protocols

    /// Lets the classic protocol have the group if nobody is in it: the error, when somebody is
    /// or the consumer group's records cannot be taken out. Its lock is held.
    func makeClassic(
        _ groupID: String, _ state: inout GroupEntry.State, at time: GroupTime
    ) -> ErrorCode? {
        guard let consumers = state.consumers else { return nil }
        guard consumers.group.members.isEmpty else { return .inconsistentGroupProtocol }
        do {
            var records = GroupRecords(group: groupID, now: time.wall)
            try records.remove(consumers)
            // The join's own record comes later in the log, and is durable only if these are.
            if !records.isEmpty { _ = try store.append(&records, of: groupID, now: time.wall) }
            state.consumers = nil
            return nil
        } catch let error as LogError {
            failed("a group cannot be stored", groupID, "\(error)")
            return OffsetStore.errorCode(for: error)
        } catch {
            failed("a group cannot be stored", groupID, "\(error)")
            return .unknownServerError
        }
    }
}
