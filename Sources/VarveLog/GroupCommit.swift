internal import VarvePlatform

/// Who makes appended batches durable.
package enum CommitMode: Sendable {
    /// So many threads; each syncs one partition at a time, so that many partitions sync in
    /// parallel (16 files one after another took 5.5 ms, in parallel about 1.2 ms).
    case threads(syncers: Int)
    /// Nobody: `DataDirectory.commitNow` does it, on the caller's thread. For tests and simulation.
    case manual
}

/// The committer of a data directory.
///
/// A partition with appended batches waits here once. While a thread syncs it, further appends
/// gather; when the sync is done, all that it covered is acknowledged together and the partition,
/// if it has new batches, waits again. No partition is ever synced by two threads at a time.
final class GroupCommit: Sendable {
    private struct Queue {
        var waiting: [PartitionLog] = []
        /// Taken so far from the front of `waiting`.
        var taken = 0
        var running = 0
        var isStopped = false
        /// Callers of `commitNow` that wait until nothing is left to do.
        var idleWaiters = 0

        var isIdle: Bool { taken == waiting.count && running == 0 }

        mutating func next() -> PartitionLog? {
            guard taken < waiting.count else { return nil }
            defer {
                taken += 1
                if taken == waiting.count {
                    waiting.removeAll(keepingCapacity: taken < 1024)
                    taken = 0
                } else if taken == 1024 {
                    waiting.removeFirst(taken)
                    taken = 0
                }
            }
            return waiting[taken]
        }
    }

    /// The threads wait here for work, and nobody else: a new partition wakes one of them. (Woken
    /// all together, seven of eight found nothing and had to fight for the lock first.)
    private let queue = Lock(Queue())
    /// Counts the times the queue ran empty while somebody waited for that.
    private let idle = Lock(0)
    private let threads = Lock<[NamedThread]>([])
    let isManual: Bool

    init(_ mode: CommitMode) {
        switch mode {
        case .manual:
            isManual = true
        case .threads(let syncers):
            isManual = false
            let started = (0..<max(1, syncers)).map { number in
                NamedThread("commit-\(number)") { [queue, idle] in
                    while let partition = Self.take(from: queue) {
                        partition.commitOnce()
                        let mustTell = queue.withLock { queue in
                            queue.running -= 1
                            return queue.idleWaiters > 0 && queue.isIdle
                        }
                        if mustTell {
                            idle.withLock { $0 += 1 }
                            idle.signal()
                        }
                    }
                }
            }
            threads.withLock { $0 = started }
        }
    }

    private static func take(from queue: Lock<Queue>) -> PartitionLog? {
        let next: PartitionLog?? = queue.wait { queue -> PartitionLog?? in
            if let next = queue.next() {
                queue.running += 1
                return .some(next)
            }
            return queue.isStopped ? .some(nil) : nil
        }
        return next ?? nil
    }

    /// Puts a partition into the queue. REQUIRES: the caller has just set its `isQueued`.
    func submit(_ partition: PartitionLog) {
        queue.withLock { $0.waiting.append(partition) }
        if !isManual { queue.signalOne() }
    }

    /// Makes everything appended so far durable. In manual mode on this thread, otherwise by
    /// waiting for the threads.
    func commitNow() {
        guard isManual else { return waitUntilIdle() }
        while let partition = queue.withLock({ $0.next() }) { partition.commitOnce() }
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
