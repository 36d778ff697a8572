internal import VarveLog
internal import VarvePlatform
package import VarveWire

/// The verbs of the consumer protocol (KIP-848): heartbeat and describe. What becomes of a group
/// with members of the other protocol stands in CoordinatorMigration.
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
        let outcome = act(on: groupID, isMade: isJoining) { state, time, effects in
            beat(groupID, request, catalog, &state, at: time, into: &effects)
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
            settleConsumers(standing.settling, of: groupID) { error in
                let failure = error.map { ConsumerRefusal(error: $0) }
                completion(failure.map { .failure($0) } ?? .success(standing.answer))
                for join in standing.joins {
                    join.completion(
                        error.map { .failed($0, memberID: join.answer.memberID) } ?? join.answer)
                }
            }
        }
    }

    /// An answer, and what must be durable before it is given.
    private struct Standing {
        let answer: ConsumerAnswer
        let settling: Settling?
        let joins: [StandingJoin]
    }

    /// What counts for the members of that group.
    func limits(of groupID: String) -> ConsumerLimits {
        configurations.limits(of: groupID, from: settings.consumers)
    }

    private func catalog(for request: ConsumerHeartbeat) -> TopicCatalog {
        catalog(
            ageMax: request.namesTopics
                ? TopicCatalogCache.ageMaxOfSubscriptions : TopicCatalogCache.ageMax,
            names: request.topicNames ?? [])
    }

    /// The topics there are, as they were `ageMax` milliseconds ago or later.
    func catalog(ageMax: Int64, names: [String] = []) -> TopicCatalog {
        let now = clock.monotonicMilliseconds()
        return catalogs.withLock {
            $0.catalog(of: directory, now: now, ageMax: ageMax, names: names)
        }
    }

    /// The heartbeat, with the group's lock held.
    private func beat(
        _ groupID: String, _ request: ConsumerHeartbeat, _ catalog: TopicCatalog,
        _ state: inout GroupEntry.State, at time: GroupTime, into effects: inout [GroupEffect]
    ) -> Result<Standing, ConsumerRefusal> {
        do throws(ConsumerRefusal) {
            var consumers = try consumers(for: request, of: groupID, state, at: time)
            let answer = try consumers.group.heartbeat(
                request, topics: catalog, at: time.monotonic)
            let joins = state.consumers == nil ? state.group.parkedJoins : []
            let joined =
                joins.isEmpty
                ? []
                : consumers.group.join(
                    joins.map(\.request), topics: catalog, at: time.monotonic)
            if request.epoch >= 0 {
                consumers.group.prolong(request.memberID, at: time.monotonic)
            }
            let former = state.consumers == nil ? state.group : nil
            switch commit(consumers, of: groupID, &state, at: time) {
            case .failure(let failure):
                // The group stays as it was; that its member lives counts all the same.
                state.consumers?.group.prolong(request.memberID, at: time.monotonic)
                throw ConsumerRefusal(error: failure.code)
            case .success(let settling):
                if let former { left(former, &state, at: time, into: &effects) }
                let standing = zip(joins, joined).compactMap { join, answer in
                    state.parkedJoins.removeValue(forKey: join.ticket).map {
                        StandingJoin(answer: answer, completion: $0)
                    }
                }
                return .success(Standing(answer: answer, settling: settling, joins: standing))
            }
        } catch {
            return .failure(error)
        }
    }

    /// The consumer group that a heartbeat is for: the one there is, or else a new one.
    private func consumers(
        for request: ConsumerHeartbeat, of groupID: String, _ state: GroupEntry.State,
        at time: GroupTime
    ) throws(ConsumerRefusal) -> ConsumerState {
        if var found = state.consumers {
            found.group.limits = limits(of: groupID)
            return found
        }
        if state.hasMembers { return try upgraded(state, for: request, at: time) }
        guard request.epoch == ConsumerHeartbeat.joining else {
            throw ConsumerRefusal(
                error: .unknownMemberId,
                message: "Member \(request.memberID) is not a member of group \(groupID).")
        }
        var group = ConsumerGroup(id: groupID, limits: limits(of: groupID))
        group.pendingMembers = state.group.pendingMembers
        return ConsumerState(group, replacing: state)
    }

    // MARK: Time

    /// Takes out members whose time is over. What cannot be written is tried again at the next
    /// tick.
    func expireConsumers(_ entry: GroupEntry, at time: GroupTime) {
        let settling = act(on: entry) { state, _, _ -> Settling? in
            guard var consumers = state.consumers, state.group.state != .dead,
                let deadline = consumers.group.nextDeadline, deadline <= time.monotonic
            else { return nil }
            let fenced = consumers.group.tick(at: time.monotonic)
            guard case .success(let settling) = commit(consumers, of: entry.id, &state, at: time)
            else { return nil }
            for (memberID, reason) in fenced {
                logger.info(
                    "a member is fenced from its consumer group",
                    ["group": entry.id, "member": memberID, "reason": reason])
            }
            return settling
        }
        settleConsumers(settling, of: entry.id) { _ in }
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
}
