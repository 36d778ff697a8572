internal import VarveLog
internal import VarvePlatform

/// Wakes ten times a second for what happens by time alone: sessions of group members, segments
/// to roll, segments to delete, partitions to reopen.
struct HousekeepingThread: Sendable {
    static let tickMilliseconds: Int64 = 100
    private static let logTickMilliseconds: Int64 = 1000

    private let loop: BackgroundLoop

    init(_ broker: BrokerState) {
        loop = BackgroundLoop("varve-house") { stopping in
            let start = broker.clock.monotonicMilliseconds()
            let retentionInterval = broker.settings.integer("log.retention.check.interval.ms")
            var nextLogTick = start + Self.logTickMilliseconds
            var nextRetention = start + min(retentionInterval, 30_000)
            let reopenInterval = broker.settings.integer("varve.reopen.interval.ms")
            var nextReopen = start + reopenInterval
            let isReopening = Lock(false)
            let reloadInterval = broker.settings.integer("varve.ssl.reload.interval.ms")
            var nextReload = start + reloadInterval
            while !stopping.comes(within: Self.tickMilliseconds) {
                let now = broker.clock.monotonicMilliseconds()
                let wall = broker.clock.wallMilliseconds()
                broker.groups.tick(at: GroupTime(monotonic: now, wall: wall))
                broker.transactions.tick()
                if now >= nextLogTick {
                    nextLogTick = now + Self.logTickMilliseconds
                    broker.directory.tick(now: wall)
                }
                if now >= nextRetention {
                    nextRetention = now + retentionInterval
                    Self.applyRetention(broker, now: wall)
                }
                if reopenInterval > 0 && now >= nextReopen {
                    nextReopen = now + reopenInterval
                    Self.reopenOffline(broker, isReopening)
                }
                if reloadInterval > 0 && now >= nextReload, let tls = broker.tls {
                    nextReload = now + reloadInterval
                    // Reads files: not on this thread.
                    broker.admin.run { tls.reload(now: wall, logger: broker.logger) }
                }
            }
        }
    }

    func stop() { loop.stop() }

    private static func applyRetention(_ broker: BrokerState, now: Int64) {
        for action in broker.directory.applyRetention(now: now) {
            broker.metrics.retentionSegments.add()
            broker.metrics.retentionBytes.add(Int(action.byteCount))
            broker.logger.info(
                "deleted segment",
                [
                    "topic": action.topic, "partition": action.partition,
                    "firstOffset": action.baseOffset, "nextOffset": action.nextOffset,
                    "bytes": action.byteCount, "reason": "\(action.reason)",
                ])
        }
    }

    /// Tries to bring back partitions whose disk failed: recovery reads what the disk really has
    /// and verifies it before anything is served or acknowledged again (I6). Where the disk is
    /// still sick that fails, or the next sync does, and the partition stays offline.
    private static func reopenOffline(_ broker: BrokerState, _ isReopening: Lock<Bool>) {
        let offline = broker.directory.topics.flatMap { topic in
            topic.partitions.filter { !$0.isOnline }
        }
        // A round that takes longer than the interval is not overtaken by the next.
        guard !offline.isEmpty, isReopening.withLock({ isRunning in
            defer { isRunning = true }
            return !isRunning
        }) else { return }
        // Not on this thread: reading may take long, and members' sessions must not wait.
        broker.admin.run {
            for log in offline { reopen(log, broker) }
            isReopening.withLock { $0 = false }
        }
    }

    private static func reopen(_ log: PartitionLog, _ broker: BrokerState) {
        guard !log.isOnline else { return }
        do throws(LogError) {
            let report = try log.reopen(now: broker.clock.wallMilliseconds())
            broker.logger.warning(
                "partition is back online",
                [
                    "topic": log.topic, "partition": log.partition, "end": log.durableEnd,
                    "damages": report.damages.count,
                ])
        } catch {
            broker.logger.error(
                "partition stays offline",
                ["topic": log.topic, "partition": log.partition, "error": error])
        }
    }
}
