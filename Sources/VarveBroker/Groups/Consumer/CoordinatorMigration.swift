internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// Groups between the protocols (KIP-848, "Online migration"). A group is of the protocol of its
/// members; while it has none it takes either, and keeps its offsets. With members of the classic
/// protocol it becomes a consumer group when the first of the other joins, and they stay in it; it
/// becomes a classic one when the last of the other is gone. Both where the settings allow it.
///
/// What a group becomes is one batch with what it ceases to be, so that the log has it as either
/// one or the other.
extension GroupCoordinator {
    /// What must be durable before an answer is given.
    struct Settling {
        let log: PartitionLog
        let end: Int64
    }

    /// A JoinGroup request that waited in a classic group, and what it is answered when the
    /// consumer group is durable.
    struct StandingJoin {
        let answer: JoinAnswer
        let completion: @Sendable (JoinAnswer) -> Void
    }

    // MARK: Upgrade

    /// The classic group with members as a consumer group that `request` is to join.
    func upgraded(
        _ state: GroupEntry.State, for request: ConsumerHeartbeat, at time: GroupTime
    ) throws(ConsumerRefusal) -> ConsumerState {
        func refused(_ reason: String) -> ConsumerRefusal {
            ConsumerRefusal(
                error: .groupIdNotFound,
                message: "Group \(state.group.id) is not a consumer group: \(reason).")
        }
        guard request.epoch == ConsumerHeartbeat.joining else {
            throw refused("its members use the classic protocol")
        }
        guard settings.migration.allowsUpgrade else {
            throw refused(
                "its members use the classic protocol, and group.consumer.migration.policy, "
                    + "\(settings.migration.rawValue), does not let it change")
        }
        guard state.group.protocolType == Group.consumerProtocolType else {
            throw refused("its members are of the protocol \(state.group.protocolType ?? "")")
        }
        guard state.group.members.count <= settings.consumers.membersMax else {
            throw refused("its members are more than group.consumer.max.size")
        }
        do throws(WireError) {
            // Whatever a member may be working on has to be in the catalog.
            let group = try ConsumerGroup(
                converting: state.group, limits: limits(of: state.group.id),
                topics: catalog(ageMax: -1), at: time.monotonic)
            return ConsumerState(group, replacing: state)
        } catch {
            throw refused("a member's subscription or assignment cannot be read, \(error)")
        }
    }

    /// The classic group `former` has become a consumer group: its members' joins are in there, and
    /// whoever waits for an assignment has to join again.
    func left(
        _ former: Group, _ state: inout GroupEntry.State, at time: GroupTime,
        into effects: inout [GroupEffect]
    ) {
        for member in former.membersByAge {
            guard let ticket = member.parkedSync else { continue }
            effects.append(.synced(ticket, .failed(.rebalanceInProgress)))
        }
        state.group = Group(id: former.id, limits: settings.limits, at: time)
        guard !former.members.isEmpty else { return }
        logger.info(
            "a classic group becomes a consumer group",
            ["group": former.id, "members": former.members.count])
    }

    // MARK: Changes

    /// Makes the group what `consumers` is, or a classic group where only members of that are
    /// left, and appends what changes as one batch. Nothing changes, nor is appended, when that
    /// cannot be. Its lock is held.
    func commit(
        _ next: ConsumerState, of groupID: String, _ state: inout GroupEntry.State,
        at time: GroupTime
    ) -> Result<Settling?, GroupFailure> {
        var consumers = next
        let changes = consumers.group.takeChanges()
        do {
            var records = GroupRecords(group: groupID, now: time.wall)
            let group = downgraded(consumers.group, at: time)
            let value = try group.map { group throws(WireError) in
                try GroupRecords.encode(group.snapshot())
            }
            if group != nil {
                try records.add(group: value)
                consumers.end()
            }
            let settling = try append(
                consumers.difference(changes), &records, to: &consumers, of: groupID, at: time)
            state.record = value
            if let group {
                state.group = group
                state.consumers = nil
                state.former = consumers
                logger.info(
                    "a consumer group becomes a classic group",
                    ["group": groupID, "members": group.members.count])
            } else {
                state.consumers = consumers
                state.former = nil
            }
            return .success(settling)
        } catch {
            return .failure(failure(of: error, groupID))
        }
    }

    /// The classic group that `group` is to become; nil when it is to stay.
    private func downgraded(_ group: ConsumerGroup, at time: GroupTime) -> Group? {
        guard group.isClassicOnly, settings.migration.allowsDowngrade,
            group.members.count <= settings.limits.membersMax
        else { return nil }
        return Group(
            converting: group, limits: settings.limits, topics: catalog(ageMax: -1), at: time)
    }

    /// Appends `records` and `written` as one batch; the last that is not durable yet of the
    /// group.
    private func append(
        _ written: [(id: ConsumerRecordID, value: ByteSlice?)], _ records: inout GroupRecords,
        to consumers: inout ConsumerState, of groupID: String, at time: GroupTime
    ) throws -> Settling? {
        for (id, value) in written { try records.add(id, value) }
        if !records.isEmpty {
            let appended = try store.append(&records, of: groupID, now: time.wall)
            consumers.appended(written, end: appended.end)
        }
        return settling(consumers)
    }

    /// What of the group is not durable yet; nil when all is.
    func settling(_ consumers: ConsumerState) -> Settling? {
        guard let last = consumers.pending.last, let topic = store.topic else { return nil }
        let index = OffsetStore.partition(of: consumers.group.id, count: topic.partitions.count)
        return Settling(log: topic.partitions[index], end: last.end)
    }

    /// Waits until the group's records are durable.
    func settleConsumers(
        _ settling: Settling?, of groupID: String,
        _ completion: @escaping @Sendable (ErrorCode?) -> Void
    ) {
        guard let settling else { return completion(nil) }
        settling.log.whenDurable(settling.end) { [self] error in
            _ = act(on: groupID) { state, _, _ in
                state.settledConsumers(settling.end, isLost: error != nil)
            }
            completion(error.map(OffsetStore.errorCode))
        }
    }

    private func failure(of error: any Error, _ groupID: String) -> GroupFailure {
        failed("a group cannot be stored", groupID, "\(error)")
        guard let error = error as? LogError else {
            return GroupFailure(code: .unknownServerError)
        }
        // There is no offset here whose size a client could be told of.
        let code = OffsetStore.errorCode(for: error)
        return GroupFailure(code: code == .invalidCommitOffsetSize ? .unknownServerError : code)
    }

    /// Lets the classic protocol have a consumer group that nobody is in. Its lock is held.
    func makeClassic(
        _ groupID: String, _ state: inout GroupEntry.State, at time: GroupTime
    ) -> Result<Settling?, GroupFailure> {
        guard var consumers = state.consumers else { return .success(nil) }
        do {
            let pending = consumers.group.pendingMembers
            consumers.end()
            var records = GroupRecords(group: groupID, now: time.wall)
            let settling = try append(
                consumers.difference([]), &records, to: &consumers, of: groupID, at: time)
            state.group.pendingMembers = pending
            state.consumers = nil
            state.former = consumers.isGone ? nil : consumers
            return .success(settling)
        } catch {
            return .failure(failure(of: error, groupID))
        }
    }

    // MARK: Members of the classic protocol in a consumer group

    /// JoinGroup. The group's lock is held.
    func joinConsumers(
        _ request: GroupJoin, newMemberID: String, of groupID: String,
        _ state: inout GroupEntry.State, at time: GroupTime
    ) -> (answer: JoinAnswer, settling: Settling?) {
        var consumers = state.consumers!
        let answer = consumers.group.join(
            request, newMemberID: newMemberID,
            topics: catalog(
                ageMax: TopicCatalogCache.ageMaxOfSubscriptions,
                names: ConsumerGroup.subscription(request)?.topics ?? []),
            at: time.monotonic)
        switch commit(consumers, of: groupID, &state, at: time) {
        case .success(let settling): return (answer, settling)
        case .failure(let failure):
            state.consumers!.group.prolong(request.memberID, at: time.monotonic)
            return (.failed(failure.code, memberID: request.memberID), nil)
        }
    }

    /// Has a consumer group see what topics there are, as the heartbeats of its members do. What
    /// cannot be written is seen again at the next. The group's lock is held.
    func renewTopics(
        of groupID: String, _ state: inout GroupEntry.State, at time: GroupTime
    ) -> Settling? {
        guard var consumers = state.consumers else { return nil }
        let catalog = catalog(ageMax: TopicCatalogCache.ageMax)
        guard consumers.group.catalogVersion != catalog.version else { return nil }
        if consumers.group.readTopics(catalog) { consumers.group.bumpEpoch() }
        guard case .success(let settling) = commit(consumers, of: groupID, &state, at: time) else {
            return nil
        }
        return settling
    }

    /// LeaveGroup. The group's lock is held.
    func leaveConsumers(
        _ leavers: [GroupLeaver], of groupID: String, _ state: inout GroupEntry.State,
        at time: GroupTime
    ) -> (error: ErrorCode, members: [ErrorCode], settling: Settling?) {
        var consumers = state.consumers!
        let answers = consumers.group.leave(leavers)
        switch commit(consumers, of: groupID, &state, at: time) {
        case .success(let settling): return (.none, answers, settling)
        case .failure(let failure): return (failure.code, [], nil)
        }
    }
}

extension ConsumerState {
    /// The group in the place of a classic one, or of what there was before that.
    init(_ group: ConsumerGroup, replacing state: GroupEntry.State) {
        self.init(
            group, records: state.record.map { [.classic: $0] } ?? [:], after: state.former)
    }
}

extension Group {
    /// The JoinGroup requests that wait for the end of the join phase.
    var parkedJoins: [(ticket: Ticket, request: GroupJoin)] {
        membersByAge.compactMap { member in
            guard let ticket = member.parkedJoin else { return nil }
            var request = GroupJoin()
            request.memberID = member.id
            request.instanceID = member.instanceID
            request.clientID = member.clientID
            request.clientHost = member.clientHost
            request.protocolType = protocolType ?? ""
            request.protocols = member.protocols
            request.sessionTimeout = member.sessionTimeout
            request.rebalanceTimeout = member.rebalanceTimeout
            return (ticket, request)
        }
    }
}
