internal import VarveLog
internal import VarvePlatform

/// The thread that keeps the disk honest: heals what reads found damaged, soon after they did, and
/// walks the closed segments at a bounded rate.
final class ScrubThread: @unchecked Sendable {
    // SAFETY: `isStopping` is a lock; `thread` is set in init and only joined after.
    static let rateSetting = "varve.scrub.bytes.per.second"
    static let intervalSetting = "varve.scrub.interval.hours"
    /// How soon damage that a read found is healed, and the length of a scrubber's step.
    static let stepMilliseconds: Int64 = 100

    private let isStopping = Lock(false)
    private var thread: NamedThread?

    init(_ broker: BrokerState) {
        let rate = broker.settings.integer(Self.rateSetting)
        let interval = broker.settings.integer(Self.intervalSetting) * 3_600_000
        let logger = broker.logger
        thread = NamedThread("varve-scrub") { [isStopping] in
            var passEnd = broker.directory.health.scrub.lastPassEnd
            while isStopping.wait(
                timeoutMilliseconds: Self.stepMilliseconds, { $0 ? true : nil }) == nil
            {
                let now = broker.clock.wallMilliseconds()
                if broker.directory.needsHealing {
                    broker.directory.heal(now: now) { isStopping.withLock { $0 } }
                }
                guard rate > 0 else { continue }
                do throws(LogError) {
                    try broker.directory.scrub(
                        now: now, bytesMax: max(1, rate * Self.stepMilliseconds / 1000),
                        intervalMilliseconds: interval)
                } catch {
                    logger.warning("scrubbing put off", ["error": error])
                    // Nobody signals but `stop`: the wait is the pause before the next try.
                    _ = isStopping.wait(timeoutMilliseconds: 60_000) { $0 ? true : nil }
                }
                let status = broker.directory.health.scrub
                if status.lastPassEnd != passEnd {
                    passEnd = status.lastPassEnd
                    logger.info(
                        "scrubbed", ["bytes": status.bytes, "damages": status.damages])
                }
            }
        }
    }

    /// Ends the thread when its step is done.
    func stop() {
        isStopping.withLock { $0 = true }
        isStopping.signal()
        thread?.join()
        thread = nil
    }
}
