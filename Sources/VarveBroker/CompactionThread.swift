internal import VarveLog
internal import VarvePlatform

/// Compacts partitions of topics with `cleanup.policy` `compact`, the most overdue and the
/// dirtiest first, one at a time, at a bounded rate: on a thread of its own, so that neither
/// requests nor sessions wait for it.
///
/// What fails for one partition is reported and tried again later; the others go on.
struct CompactionThread: Sendable {
    private let loop: BackgroundLoop?

    init(_ broker: BrokerState) {
        guard broker.settings.boolean("log.cleaner.enable") else {
            loop = nil
            return
        }
        loop = BackgroundLoop("varve-compact") { stopping in
            var round = CompactionRound(broker: broker, stopping: stopping)
            while !stopping.comes(within: broker.settings.integer("log.cleaner.backoff.ms")) {
                round.run()
            }
        }
    }

    /// Ends what runs within one batch; its segment stays the old one.
    func stop() { loop?.stop() }
}

/// One look at all partitions.
private struct CompactionRound {
    let broker: BrokerState
    let stopping: BackgroundLoop.Stopping
    /// Partitions that failed, and when they are tried again; by directory and number.
    private var failed: [String: Int64] = [:]

    /// How long a partition whose compaction failed is left alone, ms.
    private static let retryMilliseconds: Int64 = 60_000

    private struct Candidate {
        let log: PartitionLog
        let need: CompactionNeed
    }

    init(broker: BrokerState, stopping: BackgroundLoop.Stopping) {
        self.broker = broker
        self.stopping = stopping
    }

    mutating func run() {
        let now = broker.clock.monotonicMilliseconds()
        failed = failed.filter { $0.value > now }
        var candidates: [Candidate] = []
        var dirtiest = 0.0
        for topic in broker.directory.topics where topic.configuration.isCompacting {
            for log in topic.partitions where failed[Self.name(log)] == nil {
                guard let need = need(of: log) else { continue }
                dirtiest = max(dirtiest, need.dirtyRatio)
                if need.isDue { candidates.append(Candidate(log: log, need: need)) }
            }
        }
        broker.metrics.compactionDirtyPercent.set(Int(dirtiest * 100))
        candidates.sort { left, right in
            left.need.isOverdue != right.need.isOverdue
                ? left.need.isOverdue : left.need.dirtyRatio > right.need.dirtyRatio
        }
        for candidate in candidates {
            if stopping.hasCome { return }
            compact(candidate.log)
        }
        broker.metrics.compactionFailing.set(failed.count)
    }

    private static func name(_ log: PartitionLog) -> String { "\(log.topic)/\(log.partition)" }

    private mutating func need(of log: PartitionLog) -> CompactionNeed? {
        do throws(LogError) {
            return try log.compactionNeed(now: broker.clock.wallMilliseconds())
        } catch {
            putOff(log, error)
            return nil
        }
    }

    private mutating func compact(_ log: PartitionLog) {
        let pace = CompactionPace(
            bytesPerSecond: broker.settings.number("log.cleaner.io.max.bytes.per.second"),
            clock: broker.clock, stopping: stopping)
        let metrics = broker.metrics
        let began = broker.clock.monotonicMilliseconds()
        do throws(LogError) {
            let result = try log.compact(
                now: broker.clock.wallMilliseconds(),
                memoryMax: broker.settings.int("log.cleaner.dedupe.buffer.size")
            ) { bytes in
                metrics.compactionBytes.add(bytes)
                return pace.allows(bytes)
            }
            metrics.compactionRecords.add(result.recordsRemoved)
            metrics.compactionFreedBytes.add(Int(max(0, result.bytesBefore - result.bytesAfter)))
            guard !result.wasCutShort, result.passes > 0 else { return }
            metrics.compactions.add()
            metrics.compactionLastSeconds.set(Int(broker.clock.wallMilliseconds() / 1000))
            report(result, of: log, milliseconds: broker.clock.monotonicMilliseconds() - began)
        } catch {
            putOff(log, error)
        }
    }

    private func report(_ result: CompactionResult, of log: PartitionLog, milliseconds: Int64) {
        broker.logger.info(
            "compacted",
            [
                "topic": log.topic, "partition": log.partition, "recordsRemoved":
                    result.recordsRemoved, "bytesBefore": result.bytesBefore,
                "bytesAfter": result.bytesAfter, "segmentsBefore": result.segmentsBefore,
                "segmentsAfter": result.segmentsAfter, "passes": result.passes,
                "ms": milliseconds,
            ])
        if result.keylessRemoved > 0 || result.unreadableBatches > 0 {
            broker.logger.warning(
                "compaction met records without a key, which went, or batches that cannot be "
                    + "read here, which stayed",
                [
                    "topic": log.topic, "partition": log.partition,
                    "recordsWithoutKey": result.keylessRemoved,
                    "unreadableBatches": result.unreadableBatches,
                ])
        }
    }

    private mutating func putOff(_ log: PartitionLog, _ error: LogError) {
        failed[Self.name(log)] =
            broker.clock.monotonicMilliseconds() + Self.retryMilliseconds
        broker.metrics.compactionErrors.add()
        broker.logger.warning(
            "compaction put off",
            ["topic": log.topic, "partition": log.partition, "cause": "\(error)"])
    }
}

/// Holds a compaction to a rate of bytes read and written, and ends it when the broker stops.
private final class CompactionPace {
    private let bytesPerSecond: Double
    private let clock: any Clock
    private let stopping: BackgroundLoop.Stopping
    private let began: Int64
    private var bytes: Double = 0
    private var bytesUnlooked = 0

    /// So many bytes pass between two looks at the clock.
    private static let lookBytes = 256 << 10

    init(bytesPerSecond: Double, clock: any Clock, stopping: BackgroundLoop.Stopping) {
        self.bytesPerSecond = bytesPerSecond
        self.clock = clock
        self.stopping = stopping
        began = clock.monotonicMilliseconds()
    }

    /// Waits as long as the rate asks for; false when the broker stops.
    func allows(_ count: Int) -> Bool {
        bytesUnlooked += count
        guard bytesUnlooked >= Self.lookBytes else { return !stopping.hasCome }
        bytes += Double(bytesUnlooked)
        bytesUnlooked = 0
        let due = bytes / bytesPerSecond * 1000
        let wait = due - Double(clock.monotonicMilliseconds() - began)
        guard wait >= 1 else { return !stopping.hasCome }
        return !stopping.comes(within: Int64(min(wait, 60_000)))
    }
}
