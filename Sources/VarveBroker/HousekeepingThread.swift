internal import VarveLog
internal import VarvePlatform

/// Wakes ten times a second for what happens by time alone: sessions of group members, segments
/// to roll, segments to delete.
final class HousekeepingThread: @unchecked Sendable {
    // SAFETY: `isStopping` is a lock; `thread` is set in init and only joined after.
    static let tickMilliseconds: Int64 = 100
    private static let logTickMilliseconds: Int64 = 1000

    private let isStopping = Lock(false)
    private var thread: NamedThread?

    init(_ broker: BrokerState) {
        thread = NamedThread("varve-house") { [isStopping] in
            let start = broker.clock.monotonicMilliseconds()
            let retentionInterval = broker.settings.integer("log.retention.check.interval.ms")
            var nextLogTick = start + Self.logTickMilliseconds
            var nextRetention = start + min(retentionInterval, 30_000)
            while isStopping.wait(
                timeoutMilliseconds: Self.tickMilliseconds, { $0 ? true : nil }) == nil
            {
                let now = broker.clock.monotonicMilliseconds()
                let wall = broker.clock.wallMilliseconds()
                broker.groups.tick(at: GroupTime(monotonic: now, wall: wall))
                if now >= nextLogTick {
                    nextLogTick = now + Self.logTickMilliseconds
                    broker.directory.tick(now: wall)
                }
                if now >= nextRetention {
                    nextRetention = now + retentionInterval
                    Self.applyRetention(broker, now: wall)
                }
            }
        }
    }

    func stop() {
        isStopping.withLock { $0 = true }
        isStopping.signal()
        thread?.join()
        thread = nil
    }

    private static func applyRetention(_ broker: BrokerState, now: Int64) {
        for action in broker.directory.applyRetention(now: now) {
            broker.metrics.retentionSegments.add()
            broker.logger.info("deleted segment", ["action": "\(action)"])
        }
    }
}
