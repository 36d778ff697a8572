internal import VarveClient
internal import VarvePlatform
internal import VarveRecords

/// An event that was read and waits for its verdict.
struct PendingEvent: Sendable {
    let event: Event
    /// Which ownership of the partition it was read under: verdicts of an earlier one count for
    /// nothing.
    let generation: Int
    let byteCount: Int
    /// Monotonic milliseconds.
    let readAt: Int64

    var partition: TopicPartition {
        TopicPartition(topic: event.topic, partition: event.partition)
    }
}

/// Everything between reading an event and committing its offset: the partitions that the worker
/// owns, the events that wait in its lanes, and how far each partition is finished.
///
/// A partition belongs to one lane for good, and a lane has one batch under way at a time: that
/// keeps the order (D5). All calls are safe from any thread and none waits.
final class DeliveryQueue: Sendable {
    struct Limits: Sendable {
        var batch: BatchLimits
        var lanes: Int
        var inFlightBytes: Int
    }

    fileprivate struct Owned {
        let generation: Int
        var progress = PartitionProgress()
        /// Events in batches under way.
        var underWay = 0
        var isRevoked = false
        var highWatermark: Int64 = 0
        var committed: Int64?
    }

    fileprivate struct Lane {
        var events = FIFO<PendingEvent>()
        var bytes = 0
    }

    fileprivate struct State {
        var owned: [TopicPartition: Owned] = [:]
        var lanes: [Lane]
        var generation = 0
        var bytes = 0
        var events = 0
        var isStopping = false
        /// A poll has begun, and what it returns is not accepted yet.
        var isPolling = false
        /// Polls that ended.
        var polls = 0
    }

    /// What became of a taken event.
    enum Outcome: Sendable {
        /// It has its verdict: delivered, dead-lettered or dropped by configuration.
        case finished
        /// It goes back to the log, without a verdict.
        case abandoned
    }

    private let limits: Limits
    private let state: Lock<State>
    /// Told at every change that somebody may wait for.
    let changed = AsyncSignal()

    init(_ limits: Limits) {
        self.limits = limits
        state = Lock(State(lanes: Array(repeating: Lane(), count: limits.lanes)))
    }

    // MARK: - What the consumer tells

    /// The partitions are ours from now on.
    func assign(_ partitions: [TopicPartition]) {
        state.withLock { state in
            for partition in partitions {
                state.generation += 1
                state.drop(partition, lane: lane(of: partition))
                state.owned[partition] = Owned(generation: state.generation)
            }
        }
        changed.notify()
    }

    /// Takes in what was read. Records of partitions that are not ours are passed over: the
    /// consumer hands none out before `assign` has returned, and none after `revoke` began.
    func accept(_ fetched: [FetchedRecords], now: Int64) {
        state.withLock { state in
            for part in fetched { accept(part, now, &state) }
        }
        changed.notify()
    }

    private func accept(_ fetched: FetchedRecords, _ now: Int64, _ state: inout State) {
        let partition = fetched.topicPartition
        let lane = lane(of: partition)
        // Taken out and put back, so that its lists are changed in place and not copied.
        guard var owned = state.owned.removeValue(forKey: partition) else { return }
        defer { state.owned[partition] = owned }
        if owned.isRevoked { return }
        if let first = fetched.records.first, let end = owned.progress.end, first.offset < end {
            // The offsets went back: the topic was made anew, or the position reset. What is under
            // way belongs to the old ones.
            state.generation += 1
            state.drop(partition, lane: lane)
            owned = Owned(generation: state.generation)
        }
        owned.highWatermark = fetched.highWatermark
        for index in fetched.records.indices {
            let record = fetched.records[index]
            // Offsets grow within what is fetched; a broker that breaks this is not believed.
            guard record.offset >= owned.progress.end ?? record.offset else { continue }
            let event = Event(
                topic: fetched.topic, partition: fetched.partition, record: record)
            let following =
                index + 1 < fetched.records.count
                ? fetched.records[index + 1].offset : fetched.nextOffset
            let next = max(following, record.offset + 1)
            owned.progress.begin(record.offset, next: next)
            // What an event costs beside its bytes: the value itself and its place in the lists.
            let bytes = event.byteCount + 200
            state.lanes[lane].events.append(
                PendingEvent(
                    event: event, generation: owned.generation, byteCount: bytes, readAt: now))
            state.lanes[lane].bytes += bytes
            state.bytes += bytes
            state.events += 1
        }
        owned.progress.skip(to: fetched.nextOffset)
    }

    /// The partitions are about to go: what waits is dropped, and batches under way learn of it
    /// through `abandoned`.
    func revoke(_ partitions: [TopicPartition]) {
        state.withLock { state in
            for partition in partitions {
                state.drop(partition, lane: lane(of: partition))
                state.owned[partition]?.isRevoked = true
            }
        }
        changed.notify()
    }

    /// Whether batches under way hold events of any of the partitions.
    func isUnderWay(_ partitions: [TopicPartition]) -> Bool {
        state.withLock { state in
            partitions.contains { (state.owned[$0]?.underWay ?? 0) > 0 }
        }
    }

    /// The partitions are gone; verdicts on their events count for nothing from now on.
    func release(_ partitions: [TopicPartition]) {
        state.withLock { state in
            for partition in partitions {
                state.drop(partition, lane: lane(of: partition))
                state.owned[partition] = nil
            }
        }
        changed.notify()
    }

    // MARK: - What the lanes ask

    /// The next batch of a lane, or how many milliseconds to wait for one at most.
    enum Taken: Sendable {
        case batch([PendingEvent])
        case wait(milliseconds: Int)
        /// The worker stops.
        case end
    }

    func take(lane: Int, now: Int64) -> Taken {
        state.withLock { state in
            if state.isStopping { return .end }
            guard let first = state.lanes[lane].events.first else {
                return .wait(milliseconds: 1000)
            }
            let age = Int(now - first.readAt)
            // With all the allowed memory in use nothing more will come to fill the batch.
            let isReady =
                state.lanes[lane].events.count >= limits.batch.events
                || state.lanes[lane].bytes >= limits.batch.bytes
                || age >= limits.batch.ageMilliseconds || state.bytes >= limits.inFlightBytes
            guard isReady else { return .wait(milliseconds: limits.batch.ageMilliseconds - age) }
            var batch: [PendingEvent] = []
            batch.reserveCapacity(min(limits.batch.events, state.lanes[lane].events.count))
            var bytes = 0
            while !state.lanes[lane].events.isEmpty, batch.count < limits.batch.events {
                let count = state.lanes[lane].events[0].byteCount
                guard batch.isEmpty || bytes + count <= limits.batch.bytes else { break }
                bytes += count
                batch.append(state.lanes[lane].events.removeFirst())
            }
            Self.forEachRun(batch) { partition, run in
                state.owned[partition]?.underWay += run.count
            }
            state.lanes[lane].bytes -= bytes
            return .batch(batch)
        }
    }

    /// The events to give back to the log instead of trying them again: all when the worker stops,
    /// else those whose partition goes or went.
    func abandoned(of events: [PendingEvent]) -> Set<Int> {
        state.withLock { state in
            var result: Set<Int> = []
            Self.forEachRun(events) { partition, run in
                let owned = state.owned[partition]
                let isKept = !state.isStopping && owned?.isRevoked == false
                let generation = isKept ? owned?.generation : nil
                for index in run where events[index].generation != generation {
                    result.insert(index)
                }
            }
            return result
        }
    }

    /// Neighbours are mostly of one partition: gives `body` each run of them, so that the partition
    /// is looked up once for all.
    private static func forEachRun(
        _ events: [PendingEvent], _ body: (TopicPartition, Range<Int>) -> Void
    ) {
        var start = 0
        while start < events.count {
            let partition = events[start].partition
            var end = start + 1
            while end < events.count,
                events[end].event.partition == partition.partition,
                events[end].event.topic == partition.topic
            {
                end += 1
            }
            body(partition, start..<end)
            start = end
        }
    }

    /// Ends the way of events that `take` handed out, each exactly once.
    func end(_ events: [PendingEvent], _ outcome: Outcome) {
        guard !events.isEmpty else { return }
        state.withLock { state in
            Self.forEachRun(events) { partition, run in
                state.events -= run.count
                for index in run { state.bytes -= events[index].byteCount }
                // Taken out and put back, so that its lists are changed in place and not copied.
                guard var owned = state.owned.removeValue(forKey: partition) else { return }
                for index in run where events[index].generation == owned.generation {
                    owned.underWay -= 1
                    if outcome == .finished {
                        owned.progress.finish(events[index].event.offset)
                    }
                }
                state.owned[partition] = owned
            }
        }
        changed.notify()
    }

    // MARK: - What the worker asks

    var ownsPartitions: Bool { state.withLock { !$0.owned.isEmpty } }

    /// Whether more may be read.
    var hasRoom: Bool {
        state.withLock { $0.bytes < limits.inFlightBytes || $0.isStopping }
    }

    /// No more batches; those under way are not tried again.
    func stop() {
        state.withLock { $0.isStopping = true }
        changed.notify()
    }

    var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Waits, but no longer than until the worker stops.
    func sleep(milliseconds: Int) async {
        let clock = SystemClock()
        let end = clock.monotonicMilliseconds() + Int64(milliseconds)
        while true {
            let version = changed.version
            let left = end - clock.monotonicMilliseconds()
            guard left > 0, !isStopping else { return }
            await changed.wait(after: version, milliseconds: Int(left))
        }
    }

    /// The worker is about to poll, and will `accept` what comes before `pollEnded`.
    func pollBegins() { state.withLock { $0.isPolling = true } }

    func pollEnded() {
        state.withLock { state in
            state.isPolling = false
            state.polls += 1
        }
        changed.notify()
    }

    /// Waits until a poll that is under way, if one is, has ended and its records are accepted.
    func pollSettled(millisecondsMax: Int) async {
        let clock = SystemClock()
        let end = clock.monotonicMilliseconds() + Int64(millisecondsMax)
        let polls = state.withLock { $0.isPolling ? $0.polls : -1 }
        while true {
            let version = changed.version
            let left = end - clock.monotonicMilliseconds()
            guard left > 0, state.withLock({ $0.polls }) == polls else { return }
            await changed.wait(after: version, milliseconds: Int(left))
        }
    }

    /// Every owned partition's finished position that is not committed yet.
    /// - Parameter partitions: only these; nil for all.
    func uncommitted(_ partitions: [TopicPartition]? = nil) -> [TopicPartition: Int64] {
        state.withLock { state in
            var result: [TopicPartition: Int64] = [:]
            for (partition, owned) in state.owned {
                guard partitions?.contains(partition) ?? true,
                    let position = owned.progress.position, position != owned.committed
                else { continue }
                result[partition] = position
            }
            return result
        }
    }

    func committed(_ offsets: [TopicPartition: Int64]) {
        state.withLock { state in
            for (partition, offset) in offsets { state.owned[partition]?.committed = offset }
        }
    }

    /// Adds what the queue knows to a status.
    func describe(_ status: inout WorkerStatus) {
        state.withLock { state in
            status.inFlightEvents = state.events
            status.inFlightBytes = state.bytes
            status.partitions = state.owned.sorted { $0.key < $1.key }.map { partition, owned in
                let position = owned.progress.position
                return WorkerStatus.Partition(
                    topic: partition.topic, partition: partition.partition,
                    finishedOffset: position, endOffset: owned.highWatermark,
                    lag: position.map { max(0, owned.highWatermark - $0) })
            }
        }
        status.lag = status.partitions.reduce(0) { $0 + ($1.lag ?? 0) }
    }

    /// The same lane for a partition in every generation, so that an old batch and a new one never
    /// overlap; neighbours get different ones. FNV-1a, because Swift's hashes differ by process.
    func lane(of partition: TopicPartition) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in partition.topic.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int((hash &+ UInt64(UInt32(bitPattern: partition.partition))) % UInt64(limits.lanes))
    }
}

extension DeliveryQueue.State {
    /// Forgets the waiting events of a partition.
    fileprivate mutating func drop(_ partition: TopicPartition, lane: Int) {
        let dropped = lanes[lane].events.removeAll { $0.partition == partition }
        let count = dropped.reduce(0) { $0 + $1.byteCount }
        lanes[lane].bytes -= count
        bytes -= count
        events -= dropped.count
    }
}
