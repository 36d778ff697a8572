internal import VarvePlatform

/// What is known of damage in a data directory since it was opened.
package struct HealthReport: Sendable {
    /// A segment that a read or the scrubber found damaged and that was not healed yet.
    package struct Suspect: Equatable, Sendable {
        package let topic: String
        package let partition: Int32
        package let segmentBase: Int64
        package let cause: String
    }

    package var suspects: [Suspect] = []
    /// The newest damages, newest last, at most `LogHealth.damagesMax`.
    package var damages: [Damage] = []
    /// All damages so far, and the bytes of them that are in the quarantine.
    package var damageCount = 0
    package var quarantinedBytes: Int64 = 0
    /// Reads that failed their check once and passed it when the cache was dropped.
    package var transientReads = 0
    package var scrub = ScrubStatus()
}

/// Collects the damages of all partitions, and what waits to be healed. Thread-safe, bounded.
final class LogHealth: Sendable {
    static let damagesMax = 100
    /// A segment that could not be healed (no space for the quarantine, a sick disk) is tried
    /// again after so long: each try reads it whole.
    static let retryMilliseconds: Int64 = 30_000

    struct Key: Hashable {
        let log: ObjectIdentifier
        let base: Int64
    }

    struct Waiting {
        let log: PartitionLog
        let base: Int64
        let cause: String
        /// Wall clock, ms since 1970.
        var nextTry: Int64
    }

    private struct State {
        var report = HealthReport()
        var waiting: [Key: Waiting] = [:]
    }

    private let state = Lock(State())

    /// Notes that a segment has to be healed.
    func suspect(_ log: PartitionLog, _ base: Int64, _ cause: LogError) {
        state.withLock { state in
            let key = Key(log: ObjectIdentifier(log), base: base)
            if state.waiting[key] == nil {
                state.waiting[key] = Waiting(log: log, base: base, cause: "\(cause)", nextTry: 0)
            }
        }
    }

    /// The segments whose time to be healed has come, oldest offsets first.
    func due(now: Int64) -> [Waiting] {
        state.withLock { state in
            state.waiting.values.filter { $0.nextTry <= now }
                .sorted { ($0.log.directory, $0.base) < ($1.log.directory, $1.base) }
        }
    }

    var hasWaiting: Bool { state.withLock { !$0.waiting.isEmpty } }

    func healed(_ log: PartitionLog, _ base: Int64) {
        state.withLock { $0.waiting[Key(log: ObjectIdentifier(log), base: base)] = nil }
    }

    /// A recovery has read what was suspect.
    func healed(_ log: PartitionLog) {
        state.withLock { state in
            state.waiting = state.waiting.filter { $0.key.log != ObjectIdentifier(log) }
        }
    }

    func putOff(_ log: PartitionLog, _ base: Int64, now: Int64) {
        state.withLock { state in
            let key = Key(log: ObjectIdentifier(log), base: base)
            state.waiting[key]?.nextTry = now + Self.retryMilliseconds
        }
    }

    func note(_ found: PartitionReport) {
        guard !found.damages.isEmpty else { return }
        state.withLock { state in
            state.report.damageCount += found.damages.count
            for damage in found.damages where !damage.quarantine.isEmpty {
                state.report.quarantinedBytes += damage.byteCount
            }
            state.report.damages += found.damages
            state.report.damages.removeFirst(
                max(0, state.report.damages.count - Self.damagesMax))
        }
    }

    func noteTransientRead() { state.withLock { $0.report.transientReads += 1 } }

    func noteScrub(_ status: ScrubStatus) { state.withLock { $0.report.scrub = status } }

    var report: HealthReport {
        state.withLock { state in
            var report = state.report
            report.suspects = state.waiting.values
                .sorted { ($0.log.directory, $0.base) < ($1.log.directory, $1.base) }
                .map {
                    HealthReport.Suspect(
                        topic: $0.log.topic, partition: $0.log.partition, segmentBase: $0.base,
                        cause: $0.cause)
                }
            return report
        }
    }
}
