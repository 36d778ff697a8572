internal import VarvePlatform
internal import VarveWire

/// One member's life in a consumer group, by the classic protocol.
///
///     join ──► sync ──► stable ──┐        heartbeats beside it all, on the I/O thread
///      ▲   (leader assigns)      │
///      └── rebalance, metadata ──┘
///
/// The task `run` joins, syncs, tells the listener and waits for a reason to join again; heartbeats
/// (`beat`) find those reasons. Listener calls come from `run` alone, so they never overlap, and
/// heartbeats go on while they last.
///
/// With a cooperative assignor what moves is given up after the sync, and then joined again
/// (KIP-429); with an eager one everything is given up before the join.
final class GroupMembership: Sendable {
    let cluster: Cluster
    let configuration: ConsumerConfiguration
    let groupID: String
    let listener: (any RebalanceListener)?
    /// For requests that the coordinator holds: joins and syncs.
    let joinLane = Lane.unique()
    let runWakeup: Wakeup
    let state = Lock(State())

    struct State {
        var memberID = ""
        /// -1 while not a member.
        var generation: Int32 = -1
        /// The assignor of the last generation; decides what is given up before the next join.
        var assignor: PartitionAssignor?
        var owned: [TopicPartition] = []
        /// The group must be joined (again).
        var mustJoin = true
        /// The group has gone on without us: what we own is lost.
        var isLost = false
        /// A join or sync is under way; heartbeats have nothing to say.
        var isJoining = false
        /// The group does not want us, whatever we do.
        var fatal: ClientError?
        /// As leader: what the assignment was made from, to notice when it is no longer so.
        var assignedFrom: [String: Int]?
        var isStopping = false
        var stopped = false
        var stopWaiters: [CheckedContinuation<Void, Never>] = []
    }

    init(
        _ cluster: Cluster, _ configuration: ConsumerConfiguration,
        listener: (any RebalanceListener)?
    ) {
        self.cluster = cluster
        self.configuration = configuration
        self.listener = listener
        groupID = configuration.groupID!
        runWakeup = Wakeup(cluster.loop)
    }

    func start(_ consumer: Consumer, watcher: UInt64) {
        Task { await self.run(consumer, watcher) }
        beat(after: configuration.heartbeatIntervalMilliseconds)
    }

    /// Leaves the group, the listener having been told, and ends the task.
    func stop() async {
        state.withLock { $0.isStopping = true }
        runWakeup.wake()
        breakJoin()
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.stopped { state.stopWaiters.append(continuation) }
                return state.stopped
            }
            if isOver { continuation.resume() }
        }
    }

    /// A join that the coordinator holds would keep us; what is committed goes another way.
    private func breakJoin() {
        if state.withLock({ $0.stopped }) { return }
        cluster.loop.close(joinLane)
        // One more may just have been sent.
        cluster.loop.after(milliseconds: 100) { [weak self] in
            guard let self, !cluster.isClosed else { return }
            breakJoin()
        }
    }

    /// Who commits, when these partitions are ours.
    /// - Throws: `.kafka(.illegalGeneration, …)` when one of them is not.
    func identity(
        owning partitions: some Sequence<TopicPartition>
    ) throws(ClientError) -> GroupIdentity {
        let (identity, stranger) = state.withLock { state in
            let owned = Set(state.owned)
            return (
                GroupIdentity(
                    memberID: state.memberID, generation: state.generation,
                    instanceID: configuration.groupInstanceID),
                state.isLost ? partitions.first { _ in true }
                    : partitions.first { !owned.contains($0) }
            )
        }
        if let stranger {
            throw .kafka(.illegalGeneration, "\(stranger) is not assigned to this consumer")
        }
        return identity
    }

    /// A leader whose topics have other partitions than it assigned has the group join again.
    func metadataChanged() {
        let changed = state.withLock { state -> Bool in
            guard let assignedFrom = state.assignedFrom, !state.mustJoin else { return false }
            for (topic, count) in assignedFrom {
                guard let known = cluster.knownTopic(topic) else { continue }
                // A deleted topic has no partitions; other errors say nothing of their number.
                guard known.error == .none || known.error == .unknownTopicOrPartition else {
                    continue
                }
                if known.partitions.count != count {
                    state.mustJoin = true
                    return true
                }
            }
            return false
        }
        if changed { runWakeup.wake() }
    }

    // MARK: - Running

    private func run(_ consumer: Consumer, _ watcher: UInt64) async {
        var failures = 0
        while !state.withLock({ $0.isStopping }) && !cluster.isClosed {
            await loseIfLost(consumer)
            let (mustJoin, fatal) = state.withLock { ($0.mustJoin, $0.fatal) }
            if let fatal {
                if consumer.reportFatal(fatal) {
                    cluster.configuration.logger?.error(
                        "cannot be in group", ["group": groupID, "error": fatal])
                }
            }
            guard mustJoin && fatal == nil else {
                await runWakeup.wait()
                continue
            }
            do throws(ClientError) {
                try await joinOnce(consumer, watcher)
                failures = 0
            } catch {
                failures += 1
                let passes = Self.passes(error)
                state.withLock { state in
                    state.isJoining = false
                    state.mustJoin = true
                    if !passes && error != .closed { state.fatal = error }
                }
                guard passes else { continue }
                if error.isRefusal { consumer.report(error) }
                cluster.configuration.logger?.debug(
                    "join failed", ["group": groupID, "error": error])
                await cluster.loop.sleep(
                    milliseconds: Backoff(cluster.configuration).milliseconds(attempt: failures))
            }
        }
        await leave(consumer)
    }

    /// Whether another join may mend it. Only what somebody has to change is a reason to give up
    /// the group for ever: nobody may be there to start the program again.
    private static func passes(_ error: ClientError) -> Bool {
        switch error {
        case .invalid, .unsupported, .records, .closed: false
        case .kafka(let code, _): !lasting.contains(code)
        // A certificate may be renewed at either end while this program runs.
        case .io, .tls, .timedOut, .wire: true
        }
    }

    private static let lasting: Set<ErrorCode> = [
        .inconsistentGroupProtocol, .invalidGroupId, .invalidSessionTimeout, .fencedInstanceId,
        .groupMaxSizeReached, .saslAuthenticationFailed, .unsupportedVersion,
    ]

    private func joinOnce(_ consumer: Consumer, _ watcher: UInt64) async throws(ClientError) {
        // An eager member brings nothing into the join.
        let (assignor, owned) = state.withLock { ($0.assignor, $0.owned) }
        if assignor?.isCooperative == false { await revoke(owned, consumer) }
        let joined = try await join(watcher)
        // The group has changed to an eager assignor: somebody may be given what we hold.
        if !joined.assignor.isCooperative {
            await revoke(state.withLock { $0.owned }, consumer)
        }
        let assigned = try await sync(joined)
        let before = Set(state.withLock { $0.owned })
        let revoked = before.subtracting(assigned).sorted()
        let added = assigned.filter { !before.contains($0) }
        cluster.configuration.logger?.info(
            "joined group",
            [
                "group": groupID, "generation": joined.generation,
                "assignor": joined.assignor.rawValue, "leader": joined.isLeader,
                "assigned": assigned.count, "added": added.count, "revoked": revoked.count,
            ])
        if !revoked.isEmpty {
            await revoke(revoked, consumer)
            // What we gave up can be handed on now.
            state.withLock { $0.mustJoin = true }
        }
        if state.withLock({ $0.isLost || $0.isStopping }) { return }
        state.withLock { $0.owned = assigned }
        consumer.add(added)
        if !added.isEmpty { await listener?.assigned(added) }
        consumer.announced(added)
        // Topics may have come while we were joining.
        metadataChanged()
    }

    // MARK: - Giving up

    private func revoke(_ partitions: [TopicPartition], _ consumer: Consumer) async {
        if partitions.isEmpty { return }
        await consumer.beginRevoking(partitions)
        await listener?.revoked(partitions)
        disown(partitions, consumer)
    }

    private func loseIfLost(_ consumer: Consumer) async {
        let owned = state.withLock { state -> [TopicPartition]? in
            guard state.isLost else { return nil }
            return state.owned
        }
        guard let owned else { return }
        if !owned.isEmpty {
            cluster.configuration.logger?.warning(
                "group membership lost", ["group": groupID, "partitions": owned.count])
            await consumer.beginRevoking(owned)
            await listener?.lost(owned)
        }
        disown(owned, consumer)
        state.withLock { $0.isLost = false }
    }

    private func disown(_ partitions: [TopicPartition], _ consumer: Consumer) {
        let gone = Set(partitions)
        state.withLock { $0.owned.removeAll { gone.contains($0) } }
        consumer.remove(partitions)
    }

    private func leave(_ consumer: Consumer) async {
        let (owned, isLost) = state.withLock { ($0.owned, $0.isLost) }
        if isLost { await loseIfLost(consumer) } else { await revoke(owned, consumer) }
        let (memberID, isMember) = state.withLock { ($0.memberID, $0.memberID != "") }
        // A static member keeps its place until its session ends (KIP-345).
        if isMember && configuration.groupInstanceID == nil && !cluster.isClosed {
            var member = LeaveGroupRequest.Member()
            member.memberId = memberID
            member.reason = "the consumer was closed"
            var request = LeaveGroupRequest()
            request.groupId = groupID
            request.memberId = memberID
            request.members = [member]
            do throws(ClientError) {
                _ = try await cluster.sendToCoordinator(
                    of: groupID, request, timeoutMilliseconds: 5_000)
            } catch {
                // The group will miss our heartbeats instead.
                cluster.configuration.logger?.debug(
                    "leave failed", ["group": groupID, "error": error])
            }
        }
        cluster.loop.close(joinLane)
        let waiters = state.withLock { state in
            state.generation = -1
            state.memberID = ""
            state.stopped = true
            defer { state.stopWaiters = [] }
            return state.stopWaiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
