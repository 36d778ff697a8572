internal import Synchronization
internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// A Fetch that waits for more durable bytes, for its time to pass, or for its connection to
/// close. Lives on its connection's loop; only `wake` comes from other threads.
final class ParkedFetch: @unchecked Sendable {
    // SAFETY: `isWoken` is atomic; everything else is touched on the loop's thread only.
    private let plan: FetchPlan
    private let context: RequestContext
    private let slot: ResponseSlot<FetchRequest>
    private let deadline: Int64
    private let isWoken = Atomic<Bool>(false)
    private var watched: [PartitionWatch] = []
    private var timer: UInt64?
    private var endAction: UInt64?
    private var isDone = false

    init(_ plan: FetchPlan, context: RequestContext, waitMilliseconds: Int64) {
        self.plan = plan
        self.context = context
        slot = context.slot(FetchRequest.self)
        deadline = context.loop.now + waitMilliseconds
    }

    /// Begins to wait.
    /// - Parameter sum: the durable ends that were seen; what grew since then is looked at now.
    func park(unlessGrownBeyond sum: Int64) {
        watched = plan.logs.map { context.broker.partitionWatches.watch(of: $0) }
        for watch in watched { watch.add(self) }
        timer = context.loop.addTimer(at: deadline) { [weak self] in self?.finish() }
        endAction = context.whenEnding { [weak self] end in
            switch end {
            case .input: self?.finish()
            case .closed: self?.abandon()
            }
        }
        if plan.durableSum != sum { wake() }
    }

    /// A watched partition grew, went offline or was deleted. From any thread.
    func wake() {
        guard !isWoken.exchange(true, ordering: .acquiringAndReleasing) else { return }
        context.loop.post { [self] in
            isWoken.store(false, ordering: .releasing)
            guard !isDone else { return }
            let result = plan.evaluate()
            if result.isEnough { finish(result) }
        }
    }

    private func finish() {
        guard !isDone else { return }
        finish(plan.evaluate())
    }

    private func finish(_ reading: FetchPlan.Reading) {
        abandon()
        context.charge(.fetch, Double(reading.byteCount))
        slot.completeOnLoop(plan.answer(reading))
    }

    /// Stops waiting without an answer.
    private func abandon() {
        guard !isDone else { return }
        isDone = true
        for watch in watched { watch.remove(self) }
        watched = []
        if let timer { context.loop.cancelTimer(timer) }
        if let endAction { context.forgetEndAction(endAction) }
    }
}

/// The fetches that wait for one partition.
final class PartitionWatch: Sendable {
    private let parked = Lock<[ObjectIdentifier: ParkedFetch]>([:])
    private let count = Atomic<Int>(0)

    /// The fetches that wait here now.
    var waitingCount: Int { count.load(ordering: .relaxed) }

    func add(_ fetch: ParkedFetch) {
        parked.withLock { $0[ObjectIdentifier(fetch)] = fetch }
        count.add(1, ordering: .sequentiallyConsistent)
    }

    func remove(_ fetch: ParkedFetch) {
        parked.withLock { $0[ObjectIdentifier(fetch)] = nil }
        count.subtract(1, ordering: .sequentiallyConsistent)
    }

    /// Wakes them all. From any thread; on the way of every commit, so it looks before it locks.
    func wake() {
        guard count.load(ordering: .sequentiallyConsistent) > 0 else { return }
        for fetch in parked.withLock({ Array($0.values) }) { fetch.wake() }
    }
}

/// The watch of each partition that was ever waited for, tied to the partition's observer.
final class PartitionWatches: Sendable {
    private struct Entry {
        let log: PartitionLog
        let watch: PartitionWatch
    }

    private let entries = Lock<[ObjectIdentifier: Entry]>([:])

    func watch(of log: PartitionLog) -> PartitionWatch {
        entries.withLock { entries in
            if let entry = entries[ObjectIdentifier(log)] { return entry.watch }
            let watch = PartitionWatch()
            // The entry keeps the partition alive, so its identity stays its own.
            entries[ObjectIdentifier(log)] = Entry(log: log, watch: watch)
            log.setObserver { _ in watch.wake() }
            return watch
        }
    }

    /// Lets the watches of a deleted topic go, after its waiting fetches were woken.
    func forget(_ logs: [PartitionLog]) {
        for log in logs {
            let entry = entries.withLock { $0.removeValue(forKey: ObjectIdentifier(log)) }
            entry?.watch.wake()
            log.setObserver(nil)
        }
    }

    /// Wakes every waiting fetch.
    func wakeAll() {
        for entry in entries.withLock({ Array($0.values) }) { entry.watch.wake() }
    }
}
