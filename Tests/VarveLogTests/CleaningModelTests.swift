import Foundation
import Testing
import VarvePlatform
import VarveRecords
import VarveSimulation

@testable import VarveLog

/// Retention and compaction against a plain model in memory: random operations on one partition,
/// with reads and appends in the midst of a compaction, clean restarts and power cuts at random
/// disk operations, also inside recovery.
///
/// `VARVE_MODEL_OPERATIONS` says how many operations in all (Tools/model-check runs 100 000).
@Suite struct CleaningModelTests {
    @Test func retentionAndCompactionTakeWhatTheyMayAndNothingElse() throws {
        let seed = Generator.seed(for: "CleaningModelTests")
        let environment = ProcessInfo.processInfo.environment
        let wanted = environment["VARVE_MODEL_OPERATIONS"].flatMap { Int($0) } ?? 4000
        var counts: [String: Int] = [:]
        var operations = 0
        var run: UInt64 = 0
        var violations = 0
        while operations < wanted {
            let world = try CleaningWorld(seed: seed &+ run)
            try world.live(operations: min(500, wanted - operations))
            for violation in world.violations.prefix(3) { Issue.record("\(violation)") }
            violations += world.violations.count
            operations += world.step
            counts.merge(world.counts) { $0 + $1 }
            run += 1
        }
        let list = counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        print(
            "CleaningModelTests: \(operations) operations, \(run) seeds from \(seed), "
                + "\(violations) violations: "
                + list.joined(separator: ", "))
        #expect(counts["records compacted away"] ?? 0 > 0)
        #expect(counts["markers compacted away"] ?? 0 > 0)
        #expect(counts["power cuts"] ?? 0 > 0)
    }
}

/// One partition, its model, and somebody who does things at random.
final class CleaningWorld {
    private let seed: UInt64
    private var generator: Generator
    private let disk: SimulatedDisk
    private var directory: DataDirectory
    private var now: Int64 = 1_767_225_600_000
    private var model = CleaningModel()
    private(set) var step = 0
    private(set) var counts: [String: Int] = [:]
    private let told = Lock<Int64>(0)
    /// An append that the disk did not live to answer: its batch may be there, whole.
    private var unanswered: Unanswered?

    private struct Unanswered {
        let records: [Record]
        let header: RecordBatchHeader
        let base: Int64
        let appendTime: Int64
        var isCommit: Bool?
    }

    /// What was wrong; the life ends with the first.
    var violations: [String] { model.violations.list }

    init(seed: UInt64) throws {
        self.seed = seed
        generator = Generator(seed: seed)
        disk = SimulatedDisk(seed: seed)
        directory = try DataDirectory.open(
            path: "/data", disk: disk, options: LogFixture.options(), now: now, logger: nil)
        try directory.createTopic(
            "t", partitions: 1, overrides: Self.configuration(&generator), now: now)
    }

    private var context: String { "seed \(seed) step \(step)" }
    private var log: PartitionLog { directory.topic("t")!.partitions[0] }
    private var configuration: TopicConfiguration { directory.topic("t")!.configuration }

    private func count(_ what: String, _ amount: Int = 1) { counts[what, default: 0] += amount }

    private static func configuration(_ generator: inout Generator) -> [String: String] {
        func pick(_ values: [String]) -> String { values[generator.int(0..<values.count)] }
        return [
            "cleanup.policy": pick(["compact", "compact", "compact,delete", "delete"]),
            "segment.bytes": pick(["1024", "2000", "4000"]),
            "segment.ms": pick(["5000", "30000"]), "index.interval.bytes": pick(["0", "300"]),
            "retention.ms": pick(["-1", "20000", "100000"]),
            "retention.bytes": pick(["-1", "-1", "6000"]),
            "delete.retention.ms": pick(["0", "5000", "50000"]),
            "min.compaction.lag.ms": pick(["0", "0", "0", "3000"]),
            "max.compaction.lag.ms": pick(["10000", "9223372036854775807"]),
            "min.cleanable.dirty.ratio": pick(["0", "0.5"]),
            "varve.retention.clock": pick(["append", "append", "record"]),
        ]
    }

    // MARK: A life

    /// Does so many things, with a crash now and then.
    func live(operations: Int) throws {
        while step < operations, violations.isEmpty {
            let isMortal = generator.chance(3, in: 4)
            if isMortal { disk.die(at: disk.operationCount + generator.int(1...400)) }
            do {
                for _ in 0..<60 where !disk.isDead && step < operations && violations.isEmpty {
                    step += 1
                    try work()
                }
            } catch let error as LogError where disk.isDead {
                count("operations cut off")
                _ = error
            }
            if !isMortal || disk.isDead || generator.chance(1, in: 2) { try comeBack() }
            disk.die(at: nil)
            if !log.isOnline { try comeBack() }
        }
        if violations.isEmpty { try check() }
    }

    private func work() throws {
        now += Int64(generator.int(0...1500))
        switch generator.int(0..<100) {
        case 0..<43: try append()
        case 43..<50: try endTransaction()
        case 50..<67: directory.commitNow()
        case 67..<72: directory.tick(now: now)
        case 72..<84: try compact()
        case 84..<88: try retain()
        case 88..<89: try trim()
        case 89..<91: try configure()
        case 91..<93: try restart()
        default: try check()
        }
        takeAcknowledged()
    }

    private func takeAcknowledged() {
        model.durableEnd = max(model.durableEnd, told.withLock { $0 })
    }

    // MARK: Appending

    private func append() throws {
        let mayHaveNoKey = !configuration.isCompacting
        let codecs = CompressionCodec.allCases.filter(\.isBuiltIn)
        let codec =
            generator.chance(1, in: 2) ? .none : codecs[generator.int(0..<codecs.count)]
        var records: [Record] = []
        for _ in 0..<generator.int(1...4) {
            let key = "key \(generator.int(0..<20))"
            let value: ByteSlice? =
                generator.chance(1, in: 5)
                ? nil : ByteSlice(generator.bytes(generator.int(0...150)))
            records.append(
                Record(
                    timestamp: now - Int64(generator.int(0...20_000)),
                    key: mayHaveNoKey && generator.chance(1, in: 6) ? nil : ByteSlice(key),
                    value: value,
                    headers: generator.chance(1, in: 4)
                        ? [RecordHeader(name: "h", value: ByteSlice(key))] : []))
        }
        let (id, sequence) = nextProducer()
        let isTransactional = id >= Self.firstTransactional
        var builder = RecordBatchBuilder(
            codec: codec,
            attributes: isTransactional
                ? BatchAttributes(codec: codec, isTransactional: true) : nil)
        for record in records {
            builder.append(
                timestamp: record.timestamp, key: record.key, value: record.value,
                headers: record.headers)
        }
        let batch = try builder.finish(
            producerID: id, producerEpoch: id < 0 ? -1 : 0, baseSequence: sequence)
        let header = try batch.withUnsafeBytes { (raw) throws(RecordError) in
            try RecordBatchHeader(parsing: raw)
        }
        unanswered = Unanswered(
            records: records, header: header, base: log.endOffset, appendTime: now)
        let result = try log.append(batch, now: now)
        unanswered = nil
        model.require(!result.isDuplicate, "\(context): a new batch was taken for a retry")
        model.appended(records, header, at: result.baseOffset, now)
        awaitDurable(result.nextOffset)
        if id >= 0, generator.chance(1, in: 4) {
            let again = try log.append(batch, now: now)
            model.require(
                again.isDuplicate && again.baseOffset == result.baseOffset,
                "\(context): a retry was not recognised")
        }
    }

    /// Producers from this id on write in transactions.
    private static let firstTransactional: Int64 = 4

    /// Ends a transaction, or writes the marker of an empty one.
    private func endTransaction() throws {
        let id = Int64(generator.int(Int(Self.firstTransactional)...6))
        let marker = TransactionMarker(
            isCommit: generator.chance(1, in: 2), coordinatorEpoch: 0)
        let batch = marker.batch(producerID: id, producerEpoch: 0, timestamp: now)
        let header = try batch.withUnsafeBytes { (raw) throws(RecordError) in
            try RecordBatchHeader(parsing: raw)
        }
        let records = try RecordBatch.records(in: batch)
        unanswered = Unanswered(
            records: records, header: header, base: log.endOffset, appendTime: now,
            isCommit: marker.isCommit)
        let result = try log.appendMarker(marker, producerID: id, epoch: 0, now: now)
        unanswered = nil
        model.appended(
            records, header, at: result.baseOffset, now, isCommit: marker.isCommit)
        awaitDurable(result.nextOffset)
        count("transactions ended")
    }

    private func awaitDurable(_ end: Int64) {
        log.whenDurable(end) { [told] error in
            if error == nil { told.withLock { $0 = max($0, end) } }
        }
    }

    /// A producer and the sequence number that it must go on with.
    private func nextProducer() -> (Int64, Int32) {
        let id = Int64(generator.int(0..<7))
        guard id > 0 else { return (-1, -1) }
        guard let last = model.lastBatches[id] else { return (id, 0) }
        return (id, last.header.lastSequence + 1)
    }

    // MARK: Taking away

    private func compact() throws {
        let log = log
        let configuration = configuration
        let end = log.state.withLock { state in
            min(state.segments[state.segments.count - 1].base, state.lastStableOffset)
        }
        let deleteRetention = configuration.deleteRetentionMilliseconds
        let isDue = try log.compactionNeed(now: now)?.isDue
        if isDue == nil, log.isOnline { model.require(!configuration.isCompacting, "\(context)") }
        if isDue == false, generator.chance(1, in: 2) { return }
        if configuration.isCompacting {
            model.compactionBegins(end: end, deleteRetention: deleteRetention, now: now)
        }
        let began = now
        let isBusy = generator.chance(1, in: 3)
        let stopAfter = generator.chance(1, in: 8) ? generator.int(1...60) : Int.max
        var calls = 0
        var failure: (any Error)?
        let result = try log.compact(
            now: began, memoryMax: generator.chance(1, in: 3) ? 24 * 6 : 1 << 16
        ) { _ in
            calls += 1
            if isBusy, generator.chance(1, in: 6), failure == nil {
                do { try self.meanwhile() } catch { failure = error }
                // A trim in the midst may have taken what a marker still ended.
                if configuration.isCompacting {
                    model.markersBegin(end: end, deleteRetention: deleteRetention, now: began)
                }
            }
            return calls < stopAfter
        }
        count("compactions")
        count("compaction passes", result.passes)
        count("records compacted away", result.recordsRemoved)
        count("markers compacted away", result.markersRemoved)
        count("segments merged away", result.segmentsBefore - result.segmentsAfter)
        if let failure { throw failure }
        guard !result.wasCutShort, result.passes > 0, configuration.isCompacting else { return }
        let clean = try log.compactionCheckpoint().firstDirtyOffset
        model.require(clean <= end, "\(context): compacted into the active segment")
        try model.compactionEnded(end: clean, now: began, log, context)
    }

    /// What others do while a compaction runs.
    private func meanwhile() throws {
        switch generator.int(0..<10) {
        case 0..<3: try append()
        case 3: try endTransaction()
        case 4..<6: directory.commitNow()
        case 6: try trim()
        default:
            let end = log.durableEnd
            guard end > log.startOffset else { return }
            let offset = Int64.random(in: log.startOffset..<end, using: &generator)
            let found = try log.read(from: offset, bytesMax: generator.int(1...3000))
            for (_, bytes) in RecordBatch.batches(in: found.batches) {
                for record in try RecordBatch.records(in: bytes) {
                    let isRight = model.entries[record.offset]?.record == record
                    model.require(
                        isRight, "\(context): offset \(record.offset) is wrong in the midst")
                }
            }
        }
        takeAcknowledged()
    }

    private func retain() throws {
        let plan = log.retentionPlan(now: now)
        model.retentionBegins(
            plan, configuration, bytes: log.byteCount, now: now, context)
        let done = log.applyRetention(now: now)
        guard !disk.isDead else { return }
        count("segments deleted by retention", done.count)
        model.require(
            done.map(\.baseOffset) == plan.map(\.baseOffset), "\(context): \(done), plan \(plan)")
        model.startOffset = max(model.startOffset, log.startOffset)
        let left = log.retentionPlan(now: now)
        model.require(left.isEmpty, "\(context): retention left \(left)")
    }

    private func trim() throws {
        let target = log.startOffset + (log.durableEnd - log.startOffset) / 3
        model.startMax = max(model.startMax, target)
        model.startOffset = try log.trim(to: target, now: now)
        count("trims")
    }

    private func configure() throws {
        try directory.setConfiguration("t", overrides: Self.configuration(&generator))
        count("configuration changes")
    }

    // MARK: Coming and going

    private func restart() throws {
        try directory.close(now: now)
        takeAcknowledged()
        disk.kill()
        try open()
        count("clean restarts")
        for report in directory.recovery.partitions {
            model.require(report.wasClean && report.bytesScanned == 0, "\(context): \(report)")
        }
        try check()
    }

    private func open() throws {
        directory = try DataDirectory.open(
            path: "/data", disk: disk, options: LogFixture.options(), now: now, logger: nil)
    }

    /// Cuts the power or kills the process, recovers (dying inside recovery now and then).
    private func comeBack() throws {
        takeAcknowledged()
        told.withLock { $0 = 0 }
        crash()
        for _ in 0..<generator.int(0...2) {
            disk.die(at: disk.operationCount + generator.int(1...60))
            do {
                try open()
                if !disk.isDead { try check() }
            } catch let error as LogError {
                guard disk.isDead else { throw error }
            }
            crash()
        }
        try open()
        try check()
        unanswered = nil
        // Offsets that were never shown may be given out again.
        told.withLock { $0 = 0 }
    }

    private func crash() {
        if generator.chance(1, in: 4) {
            disk.kill()
            count("kills")
        } else {
            disk.powerCut()
            count("power cuts")
        }
    }

    private func check() throws {
        takeAcknowledged()
        for damage in directory.recovery.damages {
            model.require(damage.kind != .corruption, "\(context): \(damage)")
        }
        if let batch = unanswered,
            try log.everything().contains(where: { $0.header.baseOffset == batch.base })
        {
            model.appended(
                batch.records, batch.header, at: batch.base, batch.appendTime,
                isCommit: batch.isCommit)
            unanswered = nil
        }
        // What is not durable yet is not readable, and not lost either.
        var shown = model
        let unread = model.entries.filter { $0.key >= log.durableEnd }
        let unreadBatches = model.batches.filter { $0.key >= log.durableEnd }
        let isAfterCrash = log.endOffset == log.durableEnd
        try shown.check(log, context)
        if !isAfterCrash {
            shown.entries.merge(unread) { old, _ in old }
            shown.batches.merge(unreadBatches) { old, _ in old }
        }
        model = shown
    }
}
