internal import VarvePlatform

/// Who makes appended batches durable.
package enum CommitMode: Sendable {
    /// So many threads; each syncs one partition at a time, so that many partitions sync in
    /// parallel (16 files one after another took 5.5 ms, in parallel about 1.2 ms).
    case threads(syncers: Int)
    /// Nobody: `DataDirectory.commitNow` does it, on the caller's thread. For tests and simulation.
    case manual

    var isManual: Bool { if case .manual = self { true } else { false } }
}

/// The committer of a data directory.
///
/// A partition with appended batches waits here once. While a thread syncs it, further appends
/// gather; when the sync is done, all that it covered is acknowledged together and the partition,
/// if it has new batches, waits again. No partition is ever synced by two threads at a time.
///
/// Where many wait, one thread makes them all durable together (`Journal` where they have little,
/// else `SharedSync`), and the others wait for it: so the next ones gather too.
final class GroupCommit: Sendable {
    /// A partition, and what of its commit is done already.
    private enum Job {
        case commit(PartitionLog)
        /// What could not be synced together with others.
        case sync(PartitionLog, PartitionLog.CommitWork)
        /// Synced and acknowledged, but has something to write behind.
        case finish(PartitionLog, PartitionLog.CommitWork)
        /// To sync their segments soon, after most of that was written back beside the commits.
        case free([PartitionLog])
    }

    private enum Round {
        case one(Job)
        case together([PartitionLog])
    }

    private struct Queue {
        let sharedSync: SharedSync?
        var waiting: [PartitionLog] = []
        /// Taken so far from the front of `waiting`.
        var taken = 0
        /// What is left of those that were synced together.
        var begun: [Job] = []
        var running = 0
        /// One thread syncs many.
        var isTogether = false
        var isStopped = false
        /// Callers of `commitNow` that wait until nothing is left to do.
        var idleWaiters = 0

        var waitingCount: Int { waiting.count - taken }
        var isIdle: Bool { waitingCount == 0 && begun.isEmpty && running == 0 }

        var canSyncTogether: Bool {
            guard let sharedSync else { return false }
            return waitingCount >= sharedSync.filesMin && sharedSync.isWorthIt
        }

        mutating func next() -> Round? {
            if let job = begun.popLast() { return .one(job) }
            guard waitingCount > 0, !isTogether else { return nil }
            guard let sharedSync, canSyncTogether else { return .one(.commit(take(1).first!)) }
            isTogether = true
            return .together(Array(take(min(waitingCount, sharedSync.filesMax))))
        }

        private mutating func take(_ count: Int) -> ArraySlice<PartitionLog> {
            let front = waiting[taken..<taken + count]
            taken += count
            if taken == waiting.count {
                waiting.removeAll(keepingCapacity: taken < 1024)
                taken = 0
            } else if taken >= 1024 {
                waiting.removeFirst(taken)
                taken = 0
            }
            return front
        }
    }

    /// The threads wait here for work, and nobody else: a new partition wakes one of them. (Woken
    /// all together, seven of eight found nothing and had to fight for the lock first.)
    private let queue: Lock<Queue>
    /// Counts the times the queue ran empty while somebody waited for that.
    private let idle = Lock(0)
    private let threads = Lock<[NamedThread]>([])
    private let sharedSync: SharedSync?
    private let journal: Journal
    private let syncers: Int
    let isManual: Bool
    let pace = SyncPace()

    /// - Parameter sharedSync: nil where the file system can sync files one by one only.
    init(_ mode: CommitMode, _ sharedSync: SharedSync?, _ journal: Journal) {
        self.sharedSync = sharedSync
        self.journal = journal
        queue = Lock(Queue(sharedSync: sharedSync))
        isManual = mode.isManual
        switch mode {
        case .manual: syncers = 0
        case .threads(let count):
            syncers = max(1, count)
            let started = (0..<syncers).map { number in
                // The threads hold this object until `stop`.
                NamedThread("commit-\(number)") { [self] in
                    while let round = take() { run(round) }
                }
            }
            threads.withLock { $0 = started }
        }
    }

    private func take() -> Round? {
        let next: Round?? = queue.wait { queue -> Round?? in
            if let next = queue.next() {
                queue.running += 1
                return .some(next)
            }
            return queue.isStopped ? .some(nil) : nil
        }
        return next ?? nil
    }

    private func run(_ round: Round) {
        switch round {
        case .one(let job): run(job)
        case .together(let partitions): commit(partitions)
        }
        endTurn()
    }

    /// Nobody is idle until `endTurn`.
    func beginTurn() { queue.withLock { $0.running += 1 } }

    func endTurn() {
        let mustTell = queue.withLock { queue in
            queue.running -= 1
            return queue.idleWaiters > 0 && queue.isIdle
        }
        if mustTell {
            idle.withLock { $0 += 1 }
            idle.signal()
        }
    }

    private func run(_ job: Job) {
        let partition: PartitionLog
        let work: PartitionLog.CommitWork
        switch job {
        case .free(let holders):
            sharedSync?.writeAhead(of: holders)
            return enqueue(holders.filter { $0.requestSync() })
        case .commit(let log):
            guard let begun = log.beginCommit() else { return }
            sync(log, begun)
            (partition, work) = (log, begun)
        case .sync(let log, let begun):
            sync(log, begun)
            (partition, work) = (log, begun)
        case .finish(let log, let begun):
            (partition, work) = (log, begun)
        }
        if partition.finish(work) { enqueue([partition]) }
    }

    private func sync(_ partition: PartitionLog, _ work: PartitionLog.CommitWork) {
        let start = SystemClock.monotonicNanoseconds()
        do throws(SystemError) {
            try partition.sync(work)
            let took = SystemClock.monotonicNanoseconds() - start
            pace.note(nanoseconds: took)
            sharedSync?.note(nanoseconds: took)
            partition.acknowledge(work, nil)
        } catch {
            partition.acknowledge(work, error)
        }
    }

    /// Commits many partitions with a sync of the journal and one of the file system, but for
    /// those whose files have an order.
    private func commit(_ partitions: [PartitionLog]) {
        var journaled: [(partition: PartitionLog, work: PartitionLog.CommitWork)] = []
        var together: [(partition: PartitionLog, work: PartitionLog.CommitWork)] = []
        var begun: [Job] = []
        for partition in partitions {
            guard let work = partition.beginCommit() else { continue }
            if work.journaled != nil {
                journaled.append((partition, work))
            } else if work.canShareSync {
                together.append((partition, work))
            } else {
                begun.append(.sync(partition, work))
            }
        }
        var again: [PartitionLog] = []
        if journaled.count >= sharedSync?.filesMin ?? 0 {
            let (isDurable, due) = journal.commit(journaled)
            if !due.isEmpty { begun.append(.free(due)) }
            if isDurable {
                for (partition, work) in journaled {
                    partition.acknowledge(work, isJournaled: true)
                    if partition.finish(work) { again.append(partition) }
                }
                journaled = []
            }
        }
        together += journaled
        let failures = sharedSync?.sync(together) ?? []
        for (index, (partition, work)) in together.enumerated() {
            partition.acknowledge(work, failures[index])
            if !work.upkeep.isEmpty {
                begun.append(.finish(partition, work))
            } else if partition.finish(work) {
                again.append(partition)
            }
        }
        let wanted = queue.withLock { queue in
            queue.isTogether = false
            queue.begun += begun
            queue.waiting += again
            // This thread takes one.
            return queue.begun.count + (queue.canSyncTogether ? 1 : queue.waitingCount) - 1
        }
        for _ in 0..<max(0, min(wanted, syncers)) { queue.signalOne() }
    }

    /// Puts a partition into the queue, or has it wait for the end of the thread's turn. REQUIRES:
    /// the caller has just set its `isQueued`.
    func submit(_ partition: PartitionLog) {
        if !isManual, let turn = CommitTurn.current, turn.takes(partition, of: self) { return }
        enqueue([partition])
    }

    /// Commits a partition on this thread but for what takes longer than its sync.
    func runHere(_ partition: PartitionLog) {
        guard let work = partition.beginCommit() else { return }
        sync(partition, work)
        if !work.upkeep.isEmpty {
            queue.withLock { $0.begun.append(.finish(partition, work)) }
            queue.signalOne()
        } else if partition.finish(work) {
            enqueue([partition])
        }
    }

    func enqueue(_ partitions: [PartitionLog]) {
        let wanted = queue.withLock { queue in
            queue.waiting += partitions
            if queue.isTogether || isManual { return 0 }
            return queue.canSyncTogether ? 1 : min(partitions.count, syncers)
        }
        for _ in 0..<wanted { queue.signalOne() }
    }

    /// Makes everything appended so far durable. In manual mode on this thread, otherwise by
    /// waiting for the threads.
    func commitNow() {
        guard isManual else { return waitUntilIdle() }
        while let round = queue.withLock({ queue in
            let next = queue.next()
            if next != nil { queue.running += 1 }
            return next
        }) { run(round) }
    }

    private func waitUntilIdle() {
        var before = idle.withLock { $0 }
        while queue.withLock({ queue in
            if !queue.isIdle { queue.idleWaiters += 1 }
            return !queue.isIdle
        }) {
            _ = idle.wait { $0 != before ? true : nil }
            queue.withLock { $0.idleWaiters -= 1 }
            before = idle.withLock { $0 }
        }
    }

    /// Forgets what waits for a commit by hand: its directory was left without `close`, and these
    /// partitions must not keep one another, and their files, alive.
    func abandon() {
        guard isManual else { return }
        queue.withLock { queue in
            queue.waiting = []
            queue.taken = 0
        }
    }

    /// Lets the threads finish what waits, and ends them.
    func stop() {
        queue.withLock { $0.isStopped = true }
        queue.signal()
        for thread in threads.withLock({ threads in
            defer { threads = [] }
            return threads
        }) { thread.join() }
    }
}
