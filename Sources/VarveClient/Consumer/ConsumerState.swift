internal import VarvePlatform
internal import VarveRecords

/// What a consumer keeps under its lock.
struct ConsumerState {
    var partitions: [TopicPartition: PartitionState] = [:]
    /// Brokers that a fetch is under way to.
    var fetching: Set<Int32> = []
    /// Committed offsets are being asked for.
    var isLookingUpCommitted = false
    var bufferedBytes = 0
    /// Thrown by the next `poll`, one each. The same one twice says no more, so that nothing grows
    /// where nobody polls.
    private(set) var errors: [ClientError] = []
    /// Thrown by every `poll`: the group does not take us.
    var fatal: ClientError?
    /// Whose batch the next `poll` begins with.
    var turn = 0
    var lastVersion: UInt64 = 0
    /// A `poll` has batches in hand that it is decoding.
    var isDecoding = false
    var isClosed = false

    mutating func nextVersion() -> UInt64 {
        lastVersion += 1
        return lastVersion
    }

    mutating func report(_ error: ClientError) {
        if errors.count < Self.errorsMax && !errors.contains(error) { errors.append(error) }
    }

    mutating func takeError() -> ClientError? {
        errors.isEmpty ? nil : errors.removeFirst()
    }

    private static let errorsMax = 64

    /// Makes a partition ours, or starts it anew.
    mutating func add(_ partition: TopicPartition, at start: PartitionState.Start) {
        remove(partition)
        partitions[partition] = PartitionState(version: nextVersion(), start: start)
    }

    /// Has reading go on at `offset`.
    mutating func seek(_ partition: TopicPartition, to offset: Int64) {
        partitions[partition]?.start = .at(offset)
        partitions[partition]?.succeeded()
        clearBuffer(partition)
        let epoch = nextVersion()
        partitions[partition]?.epoch = epoch
    }

    mutating func remove(_ partition: TopicPartition) {
        guard let removed = partitions.removeValue(forKey: partition) else { return }
        bufferedBytes -= removed.bufferedBytes
    }

    /// Forgets what was fetched ahead; answers that are under way will be stale.
    mutating func clearBuffer(_ partition: TopicPartition) {
        guard var state = partitions[partition] else { return }
        bufferedBytes -= state.bufferedBytes
        state.buffer = []
        state.bufferedBytes = 0
        state.version = nextVersion()
        if case .at(let position) = state.start { state.fetchPosition = position }
        partitions[partition] = state
    }
}

/// A partition that this consumer reads.
struct PartitionState {
    /// Changes whenever a fetch that is under way must not be taken any more.
    var version: UInt64
    /// Changes when reading starts somewhere else: what was decoded before is not handed over. A
    /// pause is no such change, or the records that the position has passed would be lost.
    var epoch: UInt64
    var start: Start
    /// The next offset to fetch; behind it `buffer` is between it and the position.
    var fetchPosition: Int64
    var buffer: [FetchedBatches] = []
    var bufferedBytes = 0
    var isPaused = false
    /// About to be given up: nothing of it is returned or fetched any more.
    var isRevoking = false
    /// Ours, but the listener has not been told to the end: nothing of it is fetched yet.
    var isUnannounced = false
    var isFetching = false
    var isLookingUp = false
    /// Nothing is tried before this time, after a failure.
    var retryAt: Int64 = 0
    var failures = 0
    var highWatermark: Int64 = -1

    /// Where reading goes on.
    enum Start: Equatable {
        /// Where the group left off, or by the reset policy.
        case committed
        case query(OffsetQuery)
        /// The next offset that `poll` returns.
        case at(Int64)
    }

    init(version: UInt64, start: Start) {
        self.version = version
        epoch = version
        self.start = start
        fetchPosition = 0
        if case .at(let position) = start { fetchPosition = position }
    }

    var position: Int64? {
        if case .at(let position) = start { return position }
        return nil
    }

    mutating func failed(now: Int64, _ backoff: Backoff) {
        failures += 1
        retryAt = now + backoff.milliseconds(attempt: failures)
    }

    mutating func succeeded() {
        failures = 0
        retryAt = 0
    }
}
