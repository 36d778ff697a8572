internal import VarvePlatform

extension PartitionLog {
    /// A new partition, whose directory is empty.
    static func empty(
        topic: String, partition: Int32, directory: String, configuration: TopicConfiguration,
        store: LogStore
    ) -> PartitionLog {
        PartitionLog(
            topic: topic, partition: partition, directory: directory, store: store,
            state: emptyState(directory, configuration, store),
            mark: DurableMarkFile(
                disk: store.disk, directory: directory, topicID: store.topicID))
    }

    private static func emptyState(
        _ directory: String, _ configuration: TopicConfiguration, _ store: LogStore
    ) -> State {
        State(
            configuration: configuration,
            segments: [Segment(files: store.files, directory: directory, base: 0)],
            startOffset: 0, endOffset: 0,
            durable: DurablePoint(end: 0, segmentBase: 0, position: 0))
    }

    /// The partition in `directory`, recovered; offline where that fails.
    static func recovered(
        topic: String, partition: Int32, directory: String, configuration: TopicConfiguration,
        store: LogStore, now: Int64, readsEverything: Bool, isAfterCleanStop: Bool
    ) -> (PartitionLog, PartitionReport) {
        let log = empty(
            topic: topic, partition: partition, directory: directory,
            configuration: configuration, store: store)
        let report = log.recover(
            now: now, readsEverything: readsEverything, isAfterCleanStop: isAfterCleanStop)
        return (log, report)
    }

    /// Recovers a partition that went offline and puts it online again.
    ///
    /// - Parameter readsEverything: verify every batch of every segment, not only the tail; what
    ///   is damaged goes to the quarantine.
    /// - Throws: `.io`, `.full` when recovery fails; the partition stays offline. `.unknownTopic`,
    ///   `.closed`. An online partition is committed first, and its appends and reads fail with
    ///   `.poisoned` meanwhile.
    package func reopen(
        now: Int64, readsEverything: Bool = false
    ) throws(LogError) -> PartitionReport {
        let report = reopening.withLock { _ in
            if isOnline {
                settle()
                stop(
                    as: .offline(.poisoned(path: directory, cause: "being verified")),
                    error: .poisoned(path: directory, cause: "being verified"))
            }
            return recover(now: now, readsEverything: readsEverything)
        }
        if let failure = report.failure { throw failure }
        notifyObserver()
        return report
    }

    /// Refuses appends from now on.
    func refuseAppends() { state.withLock { $0.isClosing = true } }

    /// Refuses appends, and makes durable what was appended before.
    private func settle() {
        refuseAppends()
        let end = endOffset
        guard !store.commit.isManual else { return store.commit.commitNow() }
        let isDone = Lock(false)
        whenDurable(end) { _ in
            isDone.withLock { $0 = true }
            isDone.signal()
        }
        _ = isDone.wait { $0 ? true : nil }
    }

    private func recover(
        now: Int64, readsEverything: Bool, isAfterCleanStop: Bool = false
    ) -> PartitionReport {
        var recovery = Recovery(
            topic: topic, partition: partition, directory: directory, store: store,
            configuration: state.withLock { $0.configuration }, now: now,
            readsEverything: readsEverything, isAfterCleanStop: isAfterCleanStop)
        var report: PartitionReport
        do throws(LogError) {
            let mustSubmit = try recoverAlone { (file) throws(LogError) in
                let (recovered, mark) = try recovery.run()
                file = mark
                return state.withLock { state in
                    switch state.status {
                    case .deleted, .closed: return false
                    case .online, .offline: break
                    }
                    let configuration = state.configuration
                    let (life, generation) = (state.life, state.generation)
                    let countedBytes = state.countedBytes
                    let isQueued = state.isQueued
                    state = recovered
                    state.countedBytes = countedBytes
                    count(&state)
                    state.life = life + 1
                    state.generation = generation + 1
                    state.configuration = configuration
                    // A commit that waits, or is under way, sees to the mark behind it.
                    state.isQueued = isQueued || state.needsMark
                    store.journal.release(self)
                    return state.needsMark && !isQueued
                }
            }
            if mustSubmit { store.commit.submit(self) }
            store.health.healed(self)
            report = recovery.report
        } catch {
            report = recovery.report
            report.failure = error
            state.withLock { state in
                if case .online = state.status { state.status = .offline(error) }
            }
        }
        log(report)
        return report
    }

    /// While no segment is being written anew, and nothing sealed, marked or deleted.
    private func recoverAlone<Result>(
        _ body: (inout DurableMarkFile) throws(LogError) -> Result
    ) throws(LogError) -> Result {
        try rewriting.withLock { (_) throws(LogError) in try upkeep.withLock(body) }
    }

    /// Counts what a recovery or healing found, and writes it to the log.
    func log(_ report: PartitionReport) {
        store.health.note(report)
        guard let logger = store.logger else { return }
        for damage in report.damages {
            logger.error(
                "damage set aside",
                [
                    "kind": damage.kind.rawValue, "segment": damage.path,
                    "position": damage.position, "bytes": damage.byteCount,
                    "firstOffset": damage.firstOffset, "nextOffset": damage.nextOffset,
                    "quarantine": damage.quarantine,
                ])
        }
        for note in report.notes {
            logger.info("recovery", ["topic": topic, "partition": partition, "note": note])
        }
        if let failure = report.failure {
            logger.error(
                "partition could not be recovered",
                ["topic": topic, "partition": partition, "cause": "\(failure)"])
        }
    }

    func configure(_ configuration: TopicConfiguration) {
        state.withLock { $0.configuration = configuration }
    }

    /// Whether the topic's files are about to go: what fails for that is nobody's concern.
    func expectDeletion(_ isLeaving: Bool) {
        state.withLock { $0.isLeaving = isLeaving }
    }

    /// The topic is deleted: nothing is taken or served any more.
    func delete() {
        // Not while files are written behind: a topic made anew has the same paths.
        upkeep.withLock { _ in
            state.withLock { $0.status = .deleted }
        }
        stop(as: .deleted, error: .unknownTopic(topic))
        // Nor while a segment is written anew: whoever does it sees the end, and stops.
        rewriting.withLock { _ in }
        store.journal.release(self)
        store.health.healed(self)
        state.withLock { state in
            for index in state.segments.indices { state.segments[index].closeFile() }
            store.admission.add(-state.countedBytes)
            state.countedBytes = 0
        }
    }

    // MARK: Time

    /// What an idle partition keeps open goes after this long without an append or read.
    static let idleMilliseconds: Int64 = 60_000

    /// Expired producers go about so often (Kafka: `producer.id.expiration.check.interval.ms`,
    /// 10 minutes; whoever writes again meanwhile is found expired then).
    static let expiryCheckMilliseconds: Int64 = 600_000

    /// Closes the active segment when its time has come, marks a partition that fell quiet, lets
    /// go of what an idle one holds.
    func tick(now: Int64) {
        let outcome: Result<Bool, LogError> = state.withLock { state in
            count(&state)
            guard case .online = state.status else { return .success(false) }
            if Self.isExpired(state.active, state.configuration, now: now),
                state.durable.end == state.endOffset
            {
                do throws(LogError) {
                    try loadActiveIndexes(of: &state)
                    try roll(&state)
                } catch {
                    // A full disk or a missing descriptor: it is tried again at the next tick.
                    return .failure(error)
                }
                state.needsMark = true
            }
            if now - state.lastExpiryTime >= Self.expiryCheckMilliseconds {
                state.lastExpiryTime = now
                state.producers.expire(
                    now: now, expiryMilliseconds: store.producerExpiryMilliseconds)
            }
            if let since = state.unmarkedSince, now - since >= Self.markMilliseconds {
                state.needsMark = true
            }
            // The commit of the mark cuts them off.
            if state.active.hasZerosBehind,
                now - state.active.lastAppendTime >= Self.markMilliseconds
            {
                state.needsMark = true
            }
            if state.wasRead {
                state.wasRead = false
                state.lastUseTime = now
            }
            if now - state.lastUseTime >= Self.idleMilliseconds {
                letGo(&state)
            }
            // (A refused append may have left an unsynced file behind: nothing waits for it, but
            // until it is synced it cannot be closed.)
            let isLeftUnsynced = state.active.hasUnsyncedFile && !state.isJournaled
            guard state.needsMark || isLeftUnsynced, !state.isQueued else {
                return .success(false)
            }
            state.isQueued = true
            return .success(true)
        }
        switch outcome {
        case .success(let mustSubmit):
            if mustSubmit { store.commit.submit(self) }
        case .failure(let error):
            store.logger?.warning(
                "segment not closed",
                ["topic": topic, "partition": partition, "cause": "\(error)"])
        }
    }

    /// Forgets about `count` producers, the longest unused, for want of memory.
    func forgetProducers(_ count: Int) {
        state.withLock { $0.producers.forgetLongestUnused(count) }
    }

    /// Closes files and unloads indexes that are wholly on disk.
    private func letGo(_ state: inout State) {
        guard state.durable.end == state.endOffset, !state.isQueued else { return }
        for index in state.segments.indices {
            if !state.segments[index].hasUnsyncedFile { state.segments[index].closeFile() }
            if state.segments[index].isSealed || state.unmarkedSince == nil {
                state.segments[index].unloadIndexes()
            }
        }
    }

    /// Leaves the clean-stop mark. REQUIRES: appends refused, all committed.
    /// - Throws: `.io`, `.full` when the mark cannot be written; the next start reads the tail.
    func close() throws(LogError) {
        let work: UpkeepWork?
        do throws(SystemError) {
            work = try state.withLock { (state) throws(SystemError) in
                defer { if case .online = state.status { state.status = .closed } }
                guard case .online = state.status, state.active.exists,
                    state.durable.end == state.endOffset
                else { return nil }
                // A start after a power cut need not read what was cut off here.
                try state.active.endFile()?.syncData()
                state.needsMark = true
                var work = try planUpkeep(&state)
                work.mark?.isCleanStop = true
                return work
            }
            if let work {
                try upkeep.withLock { (file) throws(SystemError) in
                    try carryOut(work, &file)
                }
            }
        } catch {
            throw LogError(error)
        }
        stop(as: .closed, error: .closed)
        state.withLock { state in
            for index in state.segments.indices { state.segments[index].closeFile() }
        }
    }
}
