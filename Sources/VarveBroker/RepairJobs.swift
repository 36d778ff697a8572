internal import Synchronization
internal import VarveLog
internal import VarvePlatform

/// Partitions that are reopened or verified because somebody asked for it: one after another, on
/// a thread of their own, at most one job waiting for each (I8). Keeps each partition's last one.
final class RepairJobs: Sendable {
    struct Key: Hashable {
        let topic: String
        let partition: Int32

        init(_ log: PartitionLog) {
            topic = log.topic
            partition = log.partition
        }
    }

    enum Action: String {
        /// The partition was offline: recovered, every batch read.
        case reopen
        /// It was online and stays so.
        case verify
    }

    enum State: String {
        case queued, running, done, failed
    }

    struct Job {
        var action: Action
        var state = State.queued
        var report: PartitionReport?
        var error: String?
    }

    private let all = Lock<[Key: Job]>([:])
    private let thread = AdminThread("varve-repair")
    private let isStopping = Atomic<Bool>(false)
    private let clock: any Clock
    private let logger: Logger

    init(clock: any Clock, logger: Logger) {
        self.clock = clock
        self.logger = logger
    }

    var jobs: [Key: Job] { all.withLock { $0 } }

    func queue(_ logs: [PartitionLog]) {
        for log in logs {
            let isNew = all.withLock { all in
                switch all[Key(log)]?.state {
                case .queued, .running: return false
                case .done, .failed, nil: break
                }
                all[Key(log)] = Job(action: log.isOnline ? .verify : .reopen)
                return true
            }
            if isNew { thread.run { [self] in run(log) } }
        }
    }

    private func run(_ log: PartitionLog) {
        let action = log.isOnline ? Action.verify : .reopen
        all.withLock { all in
            all[Key(log)]?.action = action
            all[Key(log)]?.state = .running
        }
        var report: PartitionReport?
        var failure: String?
        let now = clock.wallMilliseconds()
        do throws(LogError) {
            switch action {
            case .reopen: report = try log.reopen(now: now, readsEverything: true)
            case .verify:
                report = try log.verify(now: now) {
                    isStopping.load(ordering: .relaxed)
                }
            }
        } catch {
            failure = "\(error)"
        }
        all.withLock { all in
            all[Key(log)]?.state = failure == nil ? .done : .failed
            all[Key(log)]?.report = report
            all[Key(log)]?.error = failure
        }
        logger.info(
            "partition \(action == .reopen ? "reopened" : "verified")",
            [
                "topic": log.topic, "partition": log.partition,
                "bytes": report?.bytesScanned ?? 0, "damages": report?.damages.count ?? 0,
                "failure": failure ?? "",
            ])
    }

    /// Drops what waits; what runs ends with the segment it is at.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        thread.stop()
    }
}
