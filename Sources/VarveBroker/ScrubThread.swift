internal import VarveLog
internal import VarvePlatform

/// The thread that keeps the disk honest: heals what reads found damaged, soon after they did, and
/// walks the closed segments at a bounded rate.
struct ScrubThread: Sendable {
    static let rateSetting = "varve.scrub.bytes.per.second"
    static let intervalSetting = "varve.scrub.interval.hours"
    /// How soon damage that a read found is healed, and the length of a scrubber's step.
    static let stepMilliseconds: Int64 = 100

    private let loop: BackgroundLoop

    init(_ broker: BrokerState) {
        let rate = broker.settings.integer(Self.rateSetting)
        let interval = broker.settings.integer(Self.intervalSetting) * 3_600_000
        let logger = broker.logger
        loop = BackgroundLoop("varve-scrub") { stopping in
            var passEnd = broker.directory.health.scrub.lastPassEnd
            while !stopping.comes(within: Self.stepMilliseconds) {
                let now = broker.clock.wallMilliseconds()
                if broker.directory.needsHealing {
                    broker.directory.heal(now: now) { stopping.hasCome }
                }
                guard rate > 0 else { continue }
                do throws(LogError) {
                    try broker.directory.scrub(
                        now: now, bytesMax: max(1, rate * Self.stepMilliseconds / 1000),
                        intervalMilliseconds: interval)
                } catch {
                    logger.warning("scrubbing put off", ["error": error])
                    _ = stopping.comes(within: 60_000)
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
    func stop() { loop.stop() }
}
