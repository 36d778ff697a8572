internal import Synchronization
internal import VarveLog
package import VarvePlatform

/// What an event loop watches: a listener, a Kafka connection, an HTTP connection.
/// All of its calls come on the loop's thread.
protocol Channel: AnyObject {
    /// The descriptor to watch; good until `channelClosed`.
    var descriptor: Int32 { get }
    /// The descriptor can be read or written, or has ended.
    func ready(readable: Bool, writable: Bool)
    /// Called about once a second, for deadlines. `now` is in monotonic milliseconds.
    func sweep(now: Int64)
    /// Called at the end of a turn in which `EventLoop.flushLater` named this channel.
    func flush()
    /// Called in the turn after `EventLoop.resumeLater` named this channel.
    func resume()
    /// The broker stops: take nothing new, finish what is under way, then close.
    func drain()
    /// The loop has let the channel go. The descriptor closes with the last reference.
    func channelClosed()
}

extension Channel {
    func resume() {}
}

/// One thread that serves many sockets, and the mailbox through which other threads reach it.
///
/// A channel lives on one loop for life, so its state needs no lock. Other threads only `post`.
package final class EventLoop: @unchecked Sendable {
    // SAFETY: `mailbox` has its own lock and `asleep` is atomic; `thread` is set once, in start;
    // everything else is touched on the loop's thread only, or before it starts.

    /// How often `Channel.sweep` runs, in milliseconds.
    static let sweepMilliseconds: Int64 = 1000
    /// Bytes read off one socket at a time into the loop's shared buffer.
    static let scratchByteCount = 256 << 10
    /// Commits wait for the end of the turn until its requests have so many bytes.
    private static let turnBytesMax = 256 << 10
    /// A request that is larger is one of a stream, whose next one comes while it is synced.
    private static let loneRequestBytesMax = 16 << 10

    package let clock: any Clock
    private let name: String
    private let poller: Poller
    private let logger: Logger
    private let mailbox = Lock<[@Sendable () -> Void]>([])
    private let asleep = Atomic<Bool>(false)
    private var thread: NamedThread?

    private var channels: [UInt64: any Channel] = [:]
    private var nextToken: UInt64 = 1
    private var toFlush: [UInt64] = []
    private var toResume: [UInt64] = []
    private var timers = TimerQueue()
    /// The commits that this turn's requests bring, how many those are, and their bytes.
    private let commits = CommitTurn()
    private var requests = 0
    private var requestBytes = 0
    /// Whether the poller had one event only for this turn.
    private var hasOneEvent = false
    private var running = true
    private var nextSweep: Int64 = 0
    /// Monotonic milliseconds at the start of this turn.
    private(set) var now: Int64
    /// Unfinished TLS handshakes on this loop, which has its share of what is allowed.
    var handshakeCount = 0
    /// One read's worth of memory, shared by all channels: an idle connection holds no buffer.
    let scratch: UnsafeMutableRawBufferPointer

    /// - Parameter name: what `top -H` shows for the thread.
    /// - Throws: the error of epoll_create1 or eventfd (too many open files).
    package init(name: String, clock: any Clock, logger: Logger) throws(SystemError) {
        self.name = name
        self.clock = clock
        self.logger = logger
        poller = try Poller()
        now = clock.monotonicMilliseconds()
        scratch = .allocate(byteCount: Self.scratchByteCount, alignment: 16)
    }

    deinit { scratch.deallocate() }

    /// Starts the thread. Call it once.
    package func start() {
        thread = NamedThread(name) { [self] in commits.run { run() } }
    }

    /// Ends the thread, closing every channel. Returns when it has ended.
    package func stop() {
        post { [self] in running = false }
        thread?.join()
    }

    /// Runs `job` on the loop's thread, after jobs posted before it. From any thread.
    package func post(_ job: @escaping @Sendable () -> Void) {
        mailbox.withLock { $0.append(job) }
        // Only the first job after the loop went to sleep pays for a wake (a system call).
        if asleep.exchange(false, ordering: .sequentiallyConsistent) { poller.wake() }
    }

    // MARK: - On the loop's thread

    /// The number of channels on this loop.
    var channelCount: Int { channels.count }

    /// A token no other channel of this loop has had.
    func makeToken() -> UInt64 {
        defer { nextToken += 1 }
        return nextToken
    }

    /// Starts to watch `channel` for what can be read.
    func add(_ channel: any Channel, token: UInt64) throws(SystemError) {
        try poller.add(channel.descriptor, token: token, interest: .read)
        channels[token] = channel
    }

    /// Changes what `channel` waits for.
    func setInterest(_ interest: Poller.Interest, of channel: any Channel, token: UInt64) {
        do throws(SystemError) {
            try poller.modify(channel.descriptor, token: token, interest: interest)
        } catch {
            logger.error("cannot watch a socket", ["error": error])
            remove(token)
        }
    }

    /// Lets a channel go. Its descriptor closes with the last reference to it.
    func remove(_ token: UInt64) {
        guard let channel = channels.removeValue(forKey: token) else { return }
        do throws(SystemError) {
            try poller.remove(channel.descriptor)
        } catch {
            logger.error("cannot stop watching a socket", ["error": error])
        }
        channel.channelClosed()
    }

    /// The channel with `token`; nil when it has closed.
    func channel(_ token: UInt64) -> (any Channel)? { channels[token] }

    /// The token of the oldest channel that `matches`. Looks at all of them.
    func firstChannel(where matches: (any Channel) -> Bool) -> UInt64? {
        var first: UInt64?
        for (token, channel) in channels where token < first ?? .max && matches(channel) {
            first = token
        }
        return first
    }

    /// Calls `flush` of the channel once at the end of this turn, so that what several
    /// completions produced leaves in one system call.
    func flushLater(_ token: UInt64) { toFlush.append(token) }

    /// Calls `resume` of the channel once in the next turn, which comes at once: for bytes that the
    /// channel holds itself, of which the poller cannot know.
    func resumeLater(_ token: UInt64) { toResume.append(token) }

    /// Runs `action` on this loop at `deadline` (monotonic milliseconds) or soon after.
    func addTimer(at deadline: Int64, _ action: @escaping () -> Void) -> UInt64 {
        timers.add(at: deadline, action)
    }

    func cancelTimer(_ identifier: UInt64) { timers.cancel(identifier) }

    /// Asks every channel to finish what is under way and close.
    func drainAll() {
        for channel in channels.values { channel.drain() }
    }

    private func run() {
        var jobs: [@Sendable () -> Void] = []
        nextSweep = now + Self.sweepMilliseconds
        while running {
            asleep.store(true, ordering: .sequentiallyConsistent)
            // A job posted before `asleep` was set did not wake us: look before sleeping.
            let isIdle = mailbox.withLock { $0.isEmpty } && toResume.isEmpty
            wait(milliseconds: isIdle ? untilNextTimer() : 0)
            asleep.store(false, ordering: .sequentiallyConsistent)
            now = clock.monotonicMilliseconds()
            resumeAll()
            endCommits(mayRunHere: true)

            mailbox.withLock { swap(&$0, &jobs) }
            for job in jobs { job() }
            jobs.removeAll(keepingCapacity: jobs.capacity < 4096)

            while let action = timers.takeDue(now: now) { action() }
            if now >= nextSweep {
                nextSweep = now + Self.sweepMilliseconds
                for channel in channels.values { channel.sweep(now: now) }
            }
            flushAll()
            // A job, a timer or a flush may have let a request in that was held back.
            endCommits(mayRunHere: false)
        }
        for token in channels.keys.sorted() { remove(token) }
    }

    /// Runs `body`, which handles a request of `bytes`.
    func handling<Result>(bytes: Int, _ body: () -> Result) -> Result {
        requests += 1
        requestBytes += bytes
        commits.isOpen = true
        defer {
            commits.isOpen = false
            // Is worth a sync, while the next ones are handled.
            if requestBytes >= Self.turnBytesMax { endCommits(mayRunHere: false) }
        }
        return body()
    }

    /// No commit may wait while this thread sleeps.
    private func endCommits(mayRunHere: Bool) {
        let isLone = requests == 1 && requestBytes <= Self.loneRequestBytesMax && hasOneEvent
        requests = 0
        requestBytes = 0
        guard commits.isWaiting else { return }
        let isIdle = mailbox.withLock { $0.isEmpty } && toFlush.isEmpty && toResume.isEmpty
        commits.finish(runsHere: mayRunHere && isLone && isIdle)
        now = clock.monotonicMilliseconds()
    }

    private func wait(milliseconds: Int32) {
        do throws(SystemError) {
            hasOneEvent = false
            try poller.wait(timeoutMilliseconds: milliseconds) { event in
                hasOneEvent = event.isOnly
                channels[event.token]?.ready(readable: event.readable, writable: event.writable)
            }
        } catch {
            preconditionFailure("the event loop cannot wait: \(error)")
        }
    }

    private func flushAll() {
        guard !toFlush.isEmpty else { return }
        var tokens: [UInt64] = []
        swap(&tokens, &toFlush)
        for token in tokens { channels[token]?.flush() }
        tokens.removeAll(keepingCapacity: true)
        if toFlush.isEmpty { swap(&tokens, &toFlush) }
    }

    private func resumeAll() {
        guard !toResume.isEmpty else { return }
        let tokens = toResume
        toResume = []
        for token in tokens { channels[token]?.resume() }
    }

    private func untilNextTimer() -> Int32 {
        let next = min(nextSweep, timers.nextDeadline ?? .max)
        return Int32(clamping: max(0, next - clock.monotonicMilliseconds()))
    }
}
