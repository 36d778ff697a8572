internal import VarvePlatform

/// One partition's log: batches appended at the end, read by offset, made durable in groups.
///
/// Appends come one at a time (they take turns on a lock), reads run beside them. What `append`
/// returns is in the page cache; `whenDurable` tells when it is on disk, and nothing is served
/// before that (I3). After a failed write or sync the partition is offline until `reopen` (I6).
package final class PartitionLog: Sendable {
    package let topic: String
    package let partition: Int32
    let directory: String
    let store: LogStore

    /// The log itself. Nothing else is locked, and nobody called, while this is held.
    let state: Lock<State>
    /// The durable mark, held by whoever seals, marks or deletes. Taken before `state`.
    let upkeep: Lock<DurableMarkFile>
    /// Held, for as long as it takes to read a segment, by whoever writes segments anew (recovery,
    /// healing, compaction). Taken before `upkeep`; nothing that a request waits for takes it.
    let rewriting = Lock<Void>(())
    /// Held by `reopen`, from taking the partition offline to putting it online. Taken first.
    let reopening = Lock<Void>(())
    private let observer = Lock<(@Sendable (PartitionLog) -> Void)?>(nil)

    enum Status {
        case online
        case offline(LogError)
        case closed
        case deleted
    }

    /// How far the log is on disk.
    struct DurablePoint: Equatable {
        /// The high watermark.
        var end: Int64
        /// The segment it lies in, and its bytes there.
        var segmentBase: Int64
        var position: Int64
        /// The newest record time among those bytes, -1 without one.
        var maxTimestamp: Int64 = -1
    }

    struct Waiter {
        let end: Int64
        let completion: @Sendable (LogError?) -> Void
    }

    /// Where a sequential reader goes on, so that it needs no index.
    struct ReadHint {
        var offset: Int64 = -1
        var segmentBase: Int64 = 0
        var revision = 0
        var position: Int64 = 0
    }

    struct State {
        var status = Status.online
        var configuration: TopicConfiguration
        /// By base offset, never empty; the last is the active one.
        var segments: [Segment]
        /// Bytes of them that the topic's quota counts.
        var countedBytes: Int64 = 0
        var startOffset: Int64
        /// The offset the next batch gets. Beyond the active segment's where damage took its end.
        var endOffset: Int64
        var durable: DurablePoint
        var producers = ProducerState()
        /// Transactions whose markers are appended and not durable yet.
        var closing: [ProducerState.CompletedTransaction] = []
        var waiters: [Waiter] = []
        /// Appends are refused, because the log is about to be closed or verified.
        var isClosing = false
        /// The topic is being deleted: its files may be gone already.
        var isLeaving = false
        /// Counts recoveries: what was appended before one, and was not durable, may not be there
        /// any more, and another batch in its place.
        var life = 0
        /// Counts recoveries and mendings, so that a commit from before one cannot speak for what
        /// is after.
        var generation = 0
        /// A segment's name is not durable yet.
        var needsDirectorySync = false
        /// The committer has, or will have, this partition.
        var isQueued = false
        /// Write a mark with the next commit.
        var needsMark = false
        /// The journal has something that no sync of the active segment has covered.
        var isJournaled = false
        /// The next commit syncs the segment, so that the journal need not keep what it has.
        var needsSync = false
        var bytesSinceMark: Int64 = 0
        /// When something was last appended, or read as far as `tick` has noticed.
        var lastUseTime: Int64 = 0
        var wasRead = false
        /// When producers were last looked through for expired ones.
        var lastExpiryTime: Int64 = 0
        /// The append time of the oldest batch that no mark covers.
        var unmarkedSince: Int64?
        var hints = [ReadHint](repeating: ReadHint(), count: 4)
        var nextHint = 0
        var compaction = CompactionProgress()

        var active: Segment {
            _read { yield segments[segments.count - 1] }
            _modify { yield &segments[segments.count - 1] }
        }
    }

    init(
        topic: String, partition: Int32, directory: String, store: LogStore, state: State,
        mark: DurableMarkFile
    ) {
        self.topic = topic
        self.partition = partition
        self.directory = directory
        self.store = store
        self.state = Lock(state)
        upkeep = Lock(mark)
    }

    // MARK: Where the log stands

    /// The first offset that can be read.
    package var startOffset: Int64 { state.withLock { $0.startOffset } }
    /// The offset the next batch gets.
    package var endOffset: Int64 { state.withLock { $0.endOffset } }
    /// The high watermark: every offset below it is durable and may be read (I3).
    package var durableEnd: Int64 { state.withLock { $0.durable.end } }
    /// Up to where a reader of committed records may read: where the earliest transaction begins
    /// that is open, or whose end is not durable yet, or else the durable end (I3).
    package var lastStableOffset: Int64 { state.withLock { $0.lastStableOffset } }
    /// Producers that the partition remembers.
    var producerCount: Int { state.withLock { $0.producers.count } }
    /// Bytes of all its segments, indexes not counted.
    package var byteCount: Int64 { state.withLock { $0.segments.reduce(0) { $0 + $1.byteCount } } }

    /// False after a failed write or sync, until `reopen`, and after the topic was deleted.
    package var isOnline: Bool {
        state.withLock { if case .online = $0.status { true } else { false } }
    }

    var isClosed: Bool {
        state.withLock { if case .closed = $0.status { true } else { false } }
    }

    /// Why the partition is not online; nil while it is.
    package var failure: LogError? { state.withLock { failure(of: $0) } }

    /// `observer` is called on any thread, without locks of the log held, whenever `durableEnd`
    /// grew, or the partition went offline or was deleted. It must be quick.
    package func setObserver(_ observer: (@Sendable (PartitionLog) -> Void)?) {
        self.observer.withLock { $0 = observer }
    }

    /// Sets right what the quotas count of this partition. Call it when segments were changed other
    /// than by an append; `tick` does it for whoever forgot.
    func count(_ state: inout State) {
        let bytes = state.segments.reduce(0) { $0 + $1.byteCount }
        guard bytes != state.countedBytes else { return }
        store.admission.add(bytes - state.countedBytes)
        state.countedBytes = bytes
    }

    func notifyObserver() {
        observer.withLock { $0 }?(self)
    }

    func failure(of state: State) -> LogError? {
        switch state.status {
        case .online: nil
        case .offline(let error): .poisoned(path: directory, cause: "\(error)")
        case .closed: .closed
        case .deleted: .unknownTopic(topic)
        }
    }

    /// Takes the partition offline for `error` (I6) and tells everybody who waits.
    func poison(_ error: LogError) {
        stop(as: .offline(error), error: .poisoned(path: directory, cause: "\(error)"))
        // A deleted topic's files are gone, and with them the reason to complain.
        let isOfNote = state.withLock { state in
            if case .offline = state.status { !state.isLeaving } else { false }
        }
        guard isOfNote else { return }
        store.logger?.error(
            "partition offline",
            ["topic": topic, "partition": partition, "cause": "\(error)"])
    }

    /// Ends the online life of the partition; every waiter gets `error`.
    func stop(as status: Status, error: LogError) {
        let waiters = state.withLock { state -> [Waiter] in
            if case .online = state.status { state.status = status }
            if case .deleted = status { state.status = status }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.completion(error) }
        notifyObserver()
    }
}

/// What all partitions of a data directory share.
struct LogStore: Sendable {
    /// For what has to go on when the disk is full: marks, seals, deletes. Not for large files.
    let disk: any Disk
    /// Segments' files, of which only so many are open at a time; for an internal topic they may
    /// take from the reserve, for the others they may not.
    private(set) var files: SegmentFiles
    let commit: GroupCommit
    let logger: Logger?
    let health: LogHealth
    let scrubber: Scrubber
    let journal: Journal
    let quarantine: String
    let producerExpiryMilliseconds: Int64
    let reserve: DiskReserve
    /// Bytes of all topics.
    let quota: Quota
    /// What appends to the topic are checked against.
    private(set) var admission: Admission
    private(set) var topicID = UniqueID.zero

    init(
        disk: any Disk, reserve: DiskReserve, openFilesMax: Int, commit: GroupCommit,
        logger: Logger?, health: LogHealth, scrubber: Scrubber, journal: Journal,
        quarantine: String, producerExpiryMilliseconds: Int64
    ) {
        self.disk = reserve.bytesMax > 0 ? ReserveDisk(disk, reserve: reserve) : disk
        files = SegmentFiles(disk: disk, cache: OpenFiles(filesMax: openFilesMax))
        self.commit = commit
        self.logger = logger
        self.health = health
        self.scrubber = scrubber
        self.journal = journal
        self.quarantine = quarantine
        self.producerExpiryMilliseconds = producerExpiryMilliseconds
        self.reserve = reserve
        quota = Quota(topic: nil)
        admission = Admission(
            isInternal: false, topic: Quota(topic: ""), all: quota, reserve: reserve)
    }

    /// The same for the partitions of one topic, which share its quota.
    func forTopic(_ name: String, _ id: UniqueID) -> LogStore {
        var store = self
        store.topicID = id
        let isInternal = TopicName.isInternal(name)
        if isInternal { store.files = SegmentFiles(disk: disk, cache: files.cache) }
        store.admission = Admission(
            isInternal: isInternal, topic: Quota(topic: name), all: quota, reserve: reserve)
        return store
    }

    /// Waits until a segment's file can be opened; false when that takes too long. Where commits
    /// are manual, or wait for the end of this thread's turn, this thread must see to them.
    func waitForRoom() -> Bool {
        if commit.isManual { commit.commitNow() }
        CommitTurn.current?.finish(runsHere: false)
        return files.cache.waitForRoom()
    }
}
