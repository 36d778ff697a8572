package import VarveLog
package import VarvePlatform
package import VarveWire

/// All consumer groups of the broker: finds a group, moves its state machine, writes what it must
/// remember, and answers whoever waited.
///
/// Thread-safe. Each group has a lock of its own, held for one event and its append, never while
/// a client is answered or the disk is awaited. There is no thread per group: `tick` does what
/// has come due. Locks are taken in the order group, then table or timers.
package final class GroupCoordinator: Sendable {
    let directory: DataDirectory
    let clock: any Clock
    let settings: GroupSettings
    /// What single groups set for themselves. Load it before the groups.
    let configurations: GroupConfigurations
    let logger: Logger
    /// Makes the end of an id that a new member is given.
    let newID: @Sendable () -> UniqueID
    let store: OffsetStore
    private let table: Lock<Table>
    private let timers = Lock(GroupTimers())
    let upkeep = Lock(OffsetUpkeep())
    /// The groups with offsets in a producer's open transaction.
    let transactionGroups = Lock<[Int64: Set<String>]>([:])
    let catalogs = Lock(TopicCatalogCache())
    private let failureLines = LogLimiter(linesPerSecond: 10)

    private struct Table {
        var entries: [String: GroupEntry] = [:]
        /// Partitions of `__consumer_offsets` that could not be read: their groups are not served.
        var unreadable: Set<Int> = []
        var isStopped = false
    }

    package init(
        directory: DataDirectory, clock: any Clock, settings: GroupSettings, logger: Logger,
        newID: @escaping @Sendable () -> UniqueID = UniqueID.random
    ) {
        self.directory = directory
        self.clock = clock
        self.settings = settings
        self.logger = logger
        self.newID = newID
        configurations = GroupConfigurations(
            file: directory.stateFile(GroupConfigurations.fileName), logger: logger)
        store = OffsetStore(directory: directory, settings: settings)
        table = Lock(Table())
    }

    var time: GroupTime {
        GroupTime(monotonic: clock.monotonicMilliseconds(), wall: clock.wallMilliseconds())
    }

    // MARK: Start and stop

    /// Reads all groups and offsets back. Call once, before anything else.
    ///
    /// A partition of `__consumer_offsets` that cannot be read is reported and left alone: its
    /// groups answer COORDINATOR_NOT_AVAILABLE, because a consumer that finds no offset may start
    /// at the end and skip what it never read.
    package func load() {
        guard let topic = store.topic else { return }
        let time = time
        for (number, log) in topic.partitions.enumerated() {
            do throws(LogError) {
                try load(log, number, at: time)
            } catch {
                table.withLock { _ = $0.unreadable.insert(number) }
                logger.error(
                    "consumer offsets cannot be read; their groups are not served",
                    ["partition": number, "cause": "\(error)"])
            }
        }
        forgetMissingTopics()
    }

    private func load(_ log: PartitionLog, _ number: Int, at time: GroupTime) throws(LogError) {
        let stored = try StoredGroups(reading: log)
        restore(stored, at: time)
        if stored.unreadable > 0 {
            logger.warning(
                "records in __consumer_offsets that are none",
                ["partition": number, "records": stored.unreadable])
        }
    }

    /// Tries the partitions again that could not be read: their disk may be well by now.
    func reloadUnreadable(at time: GroupTime) {
        let unreadable = table.withLock { $0.unreadable }
        guard !unreadable.isEmpty, let topic = store.topic else { return }
        for number in unreadable where topic.partitions[number].isOnline {
            do throws(LogError) {
                try load(topic.partitions[number], number, at: time)
            } catch {
                // It was reported at the start and is as it was.
                continue
            }
            table.withLock { _ = $0.unreadable.remove(number) }
            logger.info("consumer offsets are read again", ["partition": number])
            forgetMissingTopics()
        }
    }

    /// A crash between a topic's deletion and that of its offsets leaves these. A new topic of
    /// the name must not find them: its consumers would skip what they never read.
    private func forgetMissingTopics() {
        let named = Set(entries.flatMap { $0.state.withLock { $0.partitionsInLog.keys } })
        for name in named.sorted() where directory.topic(name) == nil { topicDeleted(name) }
    }

    private func restore(_ stored: StoredGroups, at time: GroupTime) {
        for (id, saved) in stored.groups {
            // Without a record nothing says since when it is empty.
            var group = Group(
                id: id, limits: settings.limits,
                at: GroupTime(monotonic: time.monotonic, wall: -1))
            if let record = saved.record {
                do throws(WireError) {
                    group = Group(
                        id: id, restoring: try GroupRecords.decode(record),
                        limits: settings.limits, at: time)
                } catch {
                    // Its members will join again; its offsets are what matters.
                    logger.warning(
                        "a group's record does not parse", ["group": id, "cause": "\(error)"])
                }
            }
            let entry = GroupEntry(id: id, group: group)
            entry.state.withLock {
                $0.offsets = saved.offsets
                $0.record = saved.record
                $0.restore(saved.transactional)
                $0.consumers = consumers(of: id, saved, at: time)
                if $0.consumers == nil && !saved.consumers.isEmpty {
                    $0.former = ConsumerState(leftOver: saved.consumers, of: id)
                }
            }
            note(saved.transactional.producers, of: id)
            table.withLock { $0.entries[id] = entry }
            if let deadline = entry.state.withLock({ $0.nextDeadline }) {
                timers.withLock { $0.schedule(id, at: deadline) }
            }
        }
    }

    private func consumers(
        of id: String, _ saved: StoredGroups.Stored, at time: GroupTime
    ) -> ConsumerState? {
        // A group is of one protocol at a time: with a record of the classic one, which is
        // deleted with the first of the other, the rest is left over.
        guard !saved.consumers.isEmpty, saved.record == nil else { return nil }
        do throws(WireError) {
            let group = try ConsumerGroup(
                id: id, restoring: saved.consumers, limits: limits(of: id), at: time.monotonic)
            if !group.changes.isEmpty {
                logger.warning(
                    "a consumer group's records contradict each other, as a power cut may leave "
                        + "them: it rebalances", ["group": id])
            }
            return ConsumerState(group, records: saved.consumers)
        } catch {
            // Its members will join again; its offsets are what matters.
            logger.warning(
                "a consumer group's records do not parse", ["group": id, "cause": "\(error)"])
            return ConsumerState(
                ConsumerGroup(id: id, limits: settings.consumers), records: saved.consumers)
        }
    }

    /// `__consumer_offsets`, made when it is missing. Durable on return; takes many syncs.
    package func makeOffsetsTopic() throws(LogError) -> Topic {
        try store.makeTopic(now: clock.wallMilliseconds())
    }

    /// Answers everybody who waits with NOT_COORDINATOR; every later call finds no coordinator.
    package func stop() {
        table.withLock { $0.isStopped = true }
        for entry in entries {
            act(on: entry) { state, time, effects in
                state.group.kill(.notCoordinator, at: time, into: &effects)
            }
        }
    }

    /// Does what has come due and returns when the next thing does, in monotonic milliseconds.
    /// Call it about ten times a second, from one thread.
    @discardableResult
    package func tick(at time: GroupTime) -> Int64? {
        for id in timers.withLock({ $0.takeDue(time.monotonic) }) {
            guard let entry = table.withLock({ $0.entries[id] }) else { continue }
            act(on: entry) { state, _, effects in state.group.tick(at: time, into: &effects) }
            expireConsumers(entry, at: time)
        }
        keepUp(at: time)
        return timers.withLock { $0.earliest }
    }

    // MARK: Groups

    /// Every group, in no order.
    var entries: [GroupEntry] { table.withLock { Array($0.entries.values) } }

    /// The group `id`; nil when there is none.
    func entry(of id: String) -> GroupEntry? { table.withLock { $0.entries[id] } }

    /// Why requests for the group `id` cannot be served at all; nil when they can.
    package func unavailability(of id: String) -> ErrorCode? {
        table.withLock { table in
            if table.isStopped { return .coordinatorNotAvailable }
            guard !table.unreadable.isEmpty, let topic = store.topic else { return nil }
            let partition = OffsetStore.partition(of: id, count: topic.partitions.count)
            return table.unreadable.contains(partition) ? .coordinatorNotAvailable : nil
        }
    }

    /// The group `id`, made when it is missing and `isMade`.
    private func entry(_ id: String, isMade: Bool, at time: GroupTime) -> GroupEntry? {
        table.withLock { table in
            if let entry = table.entries[id] { return entry }
            guard isMade, !table.isStopped, table.entries.count < settings.groupsMax else {
                return nil
            }
            let entry = GroupEntry(
                id: id, group: Group(id: id, limits: settings.limits, at: time))
            table.entries[id] = entry
            return entry
        }
    }

    /// Moves the group `id` by `body`. Nil when there is no such group and none is to be made.
    func act<Result>(
        on id: String, isMade: Bool = false,
        _ body: (inout GroupEntry.State, GroupTime, inout [GroupEffect]) -> Result
    ) -> Result? {
        while let entry = entry(id, isMade: isMade, at: time) {
            // A group that was deleted meanwhile is no longer the one of that name.
            var isGone = false
            let result = act(on: entry) { state, time, effects -> Result? in
                isGone = state.group.state == .dead && table.withLock { !$0.isStopped }
                return isGone ? nil : body(&state, time, &effects)
            }
            if !isGone { return result }
        }
        return nil
    }

    /// Moves one group by `body`, does what follows from it, and answers outside the lock.
    @discardableResult
    func act<Result>(
        on entry: GroupEntry,
        _ body: (inout GroupEntry.State, GroupTime, inout [GroupEffect]) -> Result
    ) -> Result {
        var outbox = GroupOutbox()
        let result = entry.state.withLock { state in
            let time = time
            var effects: [GroupEffect] = []
            let result = body(&state, time, &effects)
            perform(effects, on: &state, of: entry, at: time, into: &outbox)
            if state.isTrace { bury(entry, &state, at: time) }
            if let deadline = state.nextDeadline {
                timers.withLock { $0.schedule(entry.id, at: deadline) }
            }
            return result
        }
        outbox.send { [self] stored, error in
            act(on: entry) { state, time, effects in
                if error == nil { state.durable(stored.appended.end) }
                state.settledConsumers(stored.appended.end, isLost: error != nil)
                state.group.stored(stored.purpose, error: error, at: time, into: &effects)
            }
        }
        return result
    }

    /// Takes the group out of the table. Its lock is held.
    func bury(_ entry: GroupEntry, _ state: inout GroupEntry.State, at time: GroupTime) {
        var effects: [GroupEffect] = []
        state.group.kill(.unknownMemberId, at: time, into: &effects)
        precondition(effects.isEmpty, "a group with members was taken out")
        table.withLock { if $0.entries[entry.id] === entry { $0.entries[entry.id] = nil } }
    }

    private func perform(
        _ effects: [GroupEffect], on state: inout GroupEntry.State, of entry: GroupEntry,
        at time: GroupTime, into outbox: inout GroupOutbox
    ) {
        var queue = effects
        var index = 0
        while index < queue.count {
            defer { index += 1 }
            switch queue[index] {
            case .joined(let ticket, let answer):
                if let completion = state.parkedJoins.removeValue(forKey: ticket) {
                    outbox.answers.append { completion(answer) }
                }
            case .synced(let ticket, let answer):
                if let completion = state.parkedSyncs.removeValue(forKey: ticket) {
                    outbox.answers.append { completion(answer) }
                }
            case .store(let purpose, let snapshot):
                if purpose == .emptied && state.record == nil && state.latestOffsets.isEmpty {
                    // Nobody will miss a group that never got as far as an assignment.
                    continue
                }
                do throws(GroupStoreError) {
                    outbox.stores.append(
                        try append(snapshot, purpose, of: entry, &state, at: time))
                } catch {
                    failed("a group cannot be stored", entry.id, error.reason)
                    state.group.stored(purpose, error: error.code, at: time, into: &queue)
                }
            }
        }
    }

    /// Reports what could not be written for a group. Clients repeat their requests fast while a
    /// disk is full or sick, so few of these lines are written.
    func failed(_ event: String, _ groupID: String, _ cause: String) {
        guard let omitted = failureLines.admit(now: clock.monotonicMilliseconds()) else { return }
        logger.warning(event, ["group": groupID, "cause": cause, "omitted": omitted])
    }

    private func append(
        _ snapshot: GroupSnapshot, _ purpose: GroupStorePurpose, of entry: GroupEntry,
        _ state: inout GroupEntry.State, at time: GroupTime
    ) throws(GroupStoreError) -> GroupOutbox.Stored {
        do {
            let value = try GroupRecords.encode(snapshot)
            var records = GroupRecords(group: entry.id, now: time.wall)
            try records.add(group: value)
            let left = try state.former?.difference([]) ?? []
            for (id, value) in left { try records.add(id, value) }
            let appended = try store.append(&records, of: entry.id, now: time.wall)
            state.record = value
            if !left.isEmpty { state.former!.appended(left, end: appended.end) }
            return GroupOutbox.Stored(appended: appended, purpose: purpose)
        } catch let error as LogError {
            // There is no offset here whose size a client could be told of.
            let code = OffsetStore.errorCode(for: error)
            throw GroupStoreError(
                code: code == .invalidCommitOffsetSize ? .unknownServerError : code,
                reason: "\(error)")
        } catch {
            throw GroupStoreError(code: .unknownServerError, reason: "\(error)")
        }
    }

    private struct GroupStoreError: Error {
        let code: ErrorCode
        let reason: String
    }
}
