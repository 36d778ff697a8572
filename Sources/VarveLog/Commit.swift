internal import VarvePlatform

extension PartitionLog {
    /// Calls `completion` once, when what was appended is durable (nil) or when that cannot happen
    /// any more (the error). On a committer thread, or at once on this one where the answer is
    /// known. Hold no lock that `completion` takes.
    package func whenDurable(
        _ appended: AppendResult, _ completion: @escaping @Sendable (LogError?) -> Void
    ) {
        awaitDurable(appended.nextOffset, in: appended.life, completion)
    }

    /// The same for everything below `end`, whatever that is by then.
    package func whenDurable(_ end: Int64, _ completion: @escaping @Sendable (LogError?) -> Void) {
        awaitDurable(end, in: nil, completion)
    }

    /// - Parameter life: which one of the partition it is about; nil for the present one.
    private func awaitDurable(
        _ end: Int64, in life: Int?, _ completion: @escaping @Sendable (LogError?) -> Void
    ) {
        let answer: LogError?? = state.withLock { state in
            if let failure = failure(of: state) { return .some(failure) }
            if let life, life != state.life {
                return .some(.poisoned(path: directory, cause: "recovered since the append"))
            }
            if state.durable.end >= end { return .some(nil) }
            state.waiters.append(Waiter(end: end, completion: completion))
            return nil
        }
        if let answer { completion(answer) }
    }

    /// What one commit covers, as it stood when the commit began.
    struct CommitWork {
        var files: [any DiskFile] = []
        var syncsDirectory = false
        let target: DurablePoint
        let generation: Int
        var upkeep = UpkeepWork()
        /// Positions of the only file, where the journal may make them durable instead.
        var journaled: Range<Int64>?

        /// Whether it may become durable together with other partitions, in no order: not where a
        /// later segment could come before an earlier one.
        var canShareSync: Bool { files.count == 1 }
    }

    /// Makes what `work` covers durable.
    func sync(_ work: CommitWork) throws(SystemError) {
        // Oldest first: a later segment never becomes durable in front of an earlier one that was
        // acknowledged with it.
        for file in work.files { try file.syncData() }
        if work.syncsDirectory { try store.disk.syncDirectory(directory) }
    }

    /// Acknowledges what `work` covers, which is durable now; or, with the failure of its sync,
    /// takes the partition offline. What is left to do then is `finish`.
    func acknowledge(_ work: CommitWork, _ failure: SystemError?) {
        // Never a second time: after a failed sync the next one lies (I6).
        if let failure { return poison(.io(failure)) }
        acknowledge(work, isJournaled: false)
    }

    /// Writes behind what the commit brought with it, and tells whether more was appended
    /// meanwhile: the partition has to be submitted again then.
    func finish(_ work: CommitWork) -> Bool {
        if !work.upkeep.isEmpty, isOnline { perform(work.upkeep) }
        return state.withLock { state in
            guard case .online = state.status else {
                state.isQueued = false
                return false
            }
            state.isQueued =
                state.endOffset > state.durable.end || state.needsMark || state.needsSync
            return state.isQueued
        }
    }

    /// The next commit syncs the segment. Returns whether the partition has to be submitted.
    func requestSync() -> Bool {
        state.withLock { state in
            guard case .online = state.status else { return false }
            state.needsSync = true
            defer { state.isQueued = true }
            return !state.isQueued
        }
    }

    /// Makes durable in its segments what so far the journal alone has, beside the commits. After a
    /// failure the partition is offline, and its recovery takes that from the journal.
    func syncJournaled() throws(LogError) {
        let paths = state.withLock { state in
            state.isJournaled
                ? state.segments.filter(\.hasUnsyncedFile).map { $0.path(.log) } : []
        }
        do throws(SystemError) {
            // Files of their own hear of a failure that a commit may hear of at the same time.
            for path in paths { try store.disk.open(path, .readWrite).syncData() }
        } catch {
            poison(.io(error))
            throw .io(error)
        }
    }

    /// Whether a commit now is one sync of one file that has been there before, and no more.
    var isOneSyncEnough: Bool {
        state.withLock { state in
            state.active.base == state.durable.segmentBase && !state.needsDirectorySync
        }
    }

    /// What a commit has to make durable now. Called by the committer, one commit at a time; nil
    /// where the partition is not online.
    func beginCommit() -> CommitWork? {
        let result: Result<CommitWork?, LogError> = state.withLock { state in
            guard case .online = state.status else {
                state.isQueued = false
                return .success(nil)
            }
            var work = CommitWork(
                target: DurablePoint(
                    end: state.endOffset, segmentBase: state.active.base,
                    position: state.active.byteCount, maxTimestamp: state.active.maxTimestamp),
                generation: state.generation)
            work.syncsDirectory = state.needsDirectorySync
            state.needsDirectorySync = false
            do throws(SystemError) {
                // The partition is quiet: behind the mark a start finds nothing to read.
                if state.needsMark, state.durable.end == state.endOffset {
                    try state.active.endFile()
                }
                let first = max(0, Self.segmentIndex(of: state.durable.segmentBase, state.segments))
                for index in first..<state.segments.count
                where Self.isDirty(state.segments[index], state.durable) {
                    work.files.append(try state.segments[index].open())
                }
                work.upkeep = try planUpkeep(&state)
                work.journaled = Self.journaled(work, state)
                state.needsSync = false
            } catch {
                state.isQueued = false
                return .failure(.io(error))
            }
            return .success(work)
        }
        switch result {
        case .success(let work): return work
        case .failure(let error):
            poison(error)
            return nil
        }
    }

    /// What of the commit may go to the journal: a little, at the end of a file whose name is
    /// durable, with nothing that relies on the segment itself.
    private static func journaled(_ work: CommitWork, _ state: State) -> Range<Int64>? {
        guard work.canShareSync, !work.syncsDirectory, work.upkeep.isEmpty, !state.needsSync,
            work.target.segmentBase == state.durable.segmentBase,
            work.target.position > state.durable.position,
            work.target.position - state.durable.position <= Journal.partitionBytesMax
        else { return nil }
        return state.durable.position..<work.target.position
    }

    /// Whether the segment may have bytes that no sync has covered.
    private static func isDirty(_ segment: Segment, _ durable: DurablePoint) -> Bool {
        guard segment.exists, segment.base >= durable.segmentBase else { return false }
        if segment.hasUnsyncedFile { return true }
        return segment.base > durable.segmentBase || segment.byteCount > durable.position
    }

    /// Moves the durable end and tells everybody who waited for it.
    /// - Parameter isJournaled: what is durable is so in the journal; else in the segment.
    func acknowledge(_ work: CommitWork, isJournaled: Bool) {
        let (done, mustRelease) = state.withLock { state -> ([Waiter]?, Bool) in
            var mustRelease = false
            switch state.status {
            case .deleted: mustRelease = true
            case .online
            where !isJournaled && work.generation == state.generation
                && work.target.end >= state.durable.end:
                // Also where it was to go to the journal, and could not.
                mustRelease = state.isJournaled || work.journaled != nil
                state.isJournaled = false
            case .online, .offline, .closed:
                if isJournaled { state.isJournaled = true }
            }
            return (acknowledge(work, &state), mustRelease)
        }
        if mustRelease { store.journal.release(self) }
        guard let done else { return }
        for waiter in done { waiter.completion(nil) }
        notifyObserver()
    }

    private func acknowledge(_ work: CommitWork, _ state: inout State) -> [Waiter]? {
        // A write may have failed while the sync ran: then nothing is acknowledged (I6).
        guard case .online = state.status, work.generation == state.generation,
            work.target.end >= state.durable.end,
            work.target.segmentBase >= state.durable.segmentBase
        else { return nil }
        let hasGrown = work.target.end > state.durable.end
        state.durable = work.target
        // A segment was closed, and nothing appended since.
        guard hasGrown else { return nil }
        let end = work.target.end
        if !state.closing.isEmpty { state.closing.removeAll { $0.markerOffset < end } }
        guard state.waiters.contains(where: { $0.end > end }) else {
            defer { state.waiters = [] }
            return state.waiters
        }
        let done = state.waiters.filter { $0.end <= end }
        state.waiters.removeAll { $0.end <= end }
        return done
    }
}
