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

    /// A segment, by its partition's directory and its first offset.
    private struct Key: Hashable, Comparable {
        let directory: String
        let base: Int64

        init(_ log: PartitionLog, _ base: Int64) {
            directory = log.directory
            self.base = base
        }

        static func < (one: Key, other: Key) -> Bool {
            (one.directory, one.base) < (other.directory, other.base)
        }
    }

    private struct Suspicion {
        /// Weak: a partition knows its health's keeper, and what it waits for ends with it.
        weak var log: PartitionLog?
        let cause: String
        /// Wall clock, ms since 1970.
        var nextTry: Int64
    }

    struct Waiting {
        let log: PartitionLog
        let base: Int64
    }

    private struct State {
        var report = HealthReport()
        var waiting: [Key: Suspicion] = [:]
    }

    private let state = Lock(State())

    /// Notes that a segment has to be healed.
    func suspect(_ log: PartitionLog, _ base: Int64, _ cause: LogError) {
        state.withLock { state in
            let key = Key(log, base)
            if state.waiting[key]?.log !== log {
                state.waiting[key] = Suspicion(log: log, cause: "\(cause)", nextTry: 0)
            }
        }
    }

    /// The segments whose time to be healed has come, oldest offsets first.
    func due(now: Int64) -> [Waiting] {
        state.withLock { state in
            state.waiting.filter { $0.value.nextTry <= now }
                .sorted { $0.key < $1.key }
                .compactMap { key, suspicion in
                    suspicion.log.map { Waiting(log: $0, base: key.base) }
                }
        }
    }

    var hasWaiting: Bool {
        state.withLock { $0.waiting.values.contains { $0.log != nil } }
    }

    func healed(_ log: PartitionLog, _ base: Int64) {
        state.withLock { state in
            let key = Key(log, base)
            if state.waiting[key]?.log === log { state.waiting[key] = nil }
        }
    }

    /// A recovery has read what was suspect, or the partition is gone.
    func healed(_ log: PartitionLog) {
        state.withLock { state in
            state.waiting = state.waiting.filter { $0.value.log != nil && $0.value.log !== log }
        }
    }

    func putOff(_ log: PartitionLog, _ base: Int64, now: Int64) {
        state.withLock { state in
            let key = Key(log, base)
            if state.waiting[key]?.log === log {
                state.waiting[key]?.nextTry = now + Self.retryMilliseconds
            }
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
            report.suspects = state.waiting.sorted { $0.key < $1.key }
                .compactMap { key, suspicion in
                    suspicion.log.map {
                        HealthReport.Suspect(
                            topic: $0.topic, partition: $0.partition, segmentBase: key.base,
                            cause: suspicion.cause)
                    }
                }
            return report
        }
    }
}
