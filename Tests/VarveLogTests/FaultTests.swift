import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// Every disk operation of a small workload fails once, as SQLite's tests do it: whatever the
/// log answers, what it acknowledged is there afterwards (I1, I6), and it comes back.
@Suite struct FaultTests {
    static let faults = [
        (SystemError.eio, false), (SystemError.eio, true), (SystemError.enospc, false),
        (SystemError.enospc, true), (SystemError.edquot, false), (SystemError.erofs, true),
    ]

    @Test(arguments: faults)
    func acknowledgedBatchesSurviveAnyFailedOperation(errno: Int32, isLasting: Bool) throws {
        var operation = 0
        var faultsMet = 0
        while true {
            var workload = FaultWorkload(
                seed: UInt64(operation), context: "errno \(errno) lasting \(isLasting) at \(operation)")
            workload.disk.fail(
                SimulatedDisk.Fault(operation: operation, errno: errno, isLasting: isLasting))
            workload.run()
            let wasMet = workload.disk.faultsMet > 0
            workload.disk.fail(nil)
            if operation % 2 == 0 { workload.disk.powerCut() } else { workload.disk.kill() }
            try workload.check()
            if !wasMet { break }
            faultsMet += 1
            operation += 1
        }
        #expect(faultsMet > 100, "only \(faultsMet) operations in the workload")
    }

    @Test func nothingIsAcknowledgedAfterAFailedSync() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        try fixture.append(["before"])
        fixture.directory.commitNow()
        try fixture.append(["lost"])
        let told = Lock<[LogError?]>([])
        log.whenDurable(2) { error in told.withLock { $0.append(error) } }
        let syncs = fixture.disk.count(of: .sync)
        fixture.disk.fail(
            .init(operation: 0, errno: SystemError.eio, isLasting: true), only: [.sync])
        fixture.directory.commitNow()
        fixture.disk.fail(nil)
        #expect(told.withLock { $0.count == 1 && $0[0] != nil })
        #expect(!log.isOnline)
        // Never retried: a second sync would succeed and lie (I6).
        fixture.directory.commitNow()
        fixture.directory.tick(now: fixture.now + 100_000)
        fixture.directory.commitNow()
        #expect(fixture.disk.count(of: .sync) == syncs + 1)
        #expect(throws: LogError.self) { try fixture.append(["refused"]) }
        #expect(throws: LogError.self) { try log.read(from: 0, bytesMax: 100) }
        log.whenDurable(1) { error in told.withLock { $0.append(error) } }
        #expect(told.withLock { $0.count == 2 && $0[1] != nil })
        // Reopened and verified it goes on, with what the disk really has.
        let report = try log.reopen(now: fixture.now)
        #expect(report.failure == nil && log.isOnline)
        try fixture.append(["after"])
        fixture.directory.commitNow()
        let values = try fixture.values()
        #expect(values.first == "before" && values.last == "after")
        fixture.disk.powerCut()
        try fixture.reopen()
        #expect(try fixture.values() == values)
    }

    @Test func aFailedWriteTakesThePartitionOffline() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        try fixture.append(["before"])
        let told = Lock<[LogError?]>([])
        log.whenDurable(1) { error in told.withLock { $0.append(error) } }
        fixture.disk.fail(
            .init(operation: 0, errno: SystemError.eio, isLasting: true), only: [.write])
        #expect(throws: LogError.self) { try fixture.append(["failed"]) }
        fixture.disk.fail(nil)
        #expect(!log.isOnline, "nothing is acknowledged before the log was verified (I6)")
        #expect(told.withLock { $0.count == 1 && $0[0] != nil })
        #expect(throws: LogError.self) { try fixture.append(["refused"]) }
        _ = try log.reopen(now: fixture.now)
        #expect(try fixture.values() == ["before"])
    }

    @Test func aMarkThatTheDiskDoesNotHaveIsNotBelieved() throws {
        for seed in UInt64(0)..<10 {
            var fixture = try LogFixture(seed: seed)
            let log = try fixture.partition()
            for _ in 0..<4 { try fixture.append(["x"]) }
            fixture.directory.commitNow()
            _ = try log.trim(to: 1, now: fixture.now)
            fixture.disk.fail(
                .init(operation: 0, errno: SystemError.eio, isLasting: true), only: [.sync])
            #expect(throws: LogError.self) { try log.trim(to: 3, now: fixture.now) }
            fixture.disk.kill()
            try fixture.reopen()
            let shown = fixture.log.startOffset
            fixture.disk.powerCut(keep: 0)
            try fixture.reopen()
            #expect(fixture.log.startOffset == shown, "seed \(seed)")
        }
    }

    @Test func anotherPartitionIsUnharmedByAFailedSync() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        let other = try fixture.directory.createTopic("other", partitions: 1, now: fixture.now)
            .partitions[0]
        try fixture.append(["x"])
        fixture.disk.fail(
            .init(operation: 0, errno: SystemError.eio, isLasting: true), only: [.sync])
        fixture.directory.commitNow()
        fixture.disk.fail(nil)
        #expect(!fixture.log.isOnline && other.isOnline)
        _ = try other.append(Batches.batch([[1]]), now: fixture.now)
        fixture.directory.commitNow()
        #expect(other.durableEnd == 1)
    }

    @Test func fullDiskRefusesAppendsAndGoesOnWhenSpaceReturns() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition(["segment.bytes": "2000"])
        try fixture.append(["kept"])
        fixture.directory.commitNow()
        fixture.disk.setCapacity(1500)
        var refused = 0
        var taken = 1
        for _ in 0..<20 {
            do {
                try fixture.append([String(repeating: "x", count: 300)])
                taken += 1
            } catch LogError.full {
                refused += 1
                #expect(log.endOffset == Int64(taken))
                let size = fixture.disk.allFiles.filter { $0.hasSuffix(".log") }
                    .reduce(0) { $0 + fixture.disk.contents($1)!.count }
                #expect(log.byteCount == Int64(size), "nothing half-written stays")
            }
        }
        fixture.directory.commitNow()
        #expect(refused > 0 && log.isOnline)
        #expect(try fixture.values().count == taken, "reads go on, and nothing half-written shows")
        fixture.disk.setCapacity(nil)
        for _ in 0..<20 { try fixture.append([String(repeating: "y", count: 300)]) }
        fixture.directory.commitNow()
        #expect(try fixture.values().count == taken + 20)
        fixture.disk.powerCut()
        try fixture.reopen()
        #expect(fixture.report.damages.isEmpty)
        #expect(try fixture.values().count == taken + 20)
    }
}

/// Some of everything, answering errors by going on, as a broker does.
struct FaultWorkload {
    let disk: SimulatedDisk
    let context: String
    private var model = PartitionModel()
    private let now: Int64 = 1_767_225_600_000
    private var generator: Generator
    private let acknowledged = Lock<Int64>(0)
    private var wasCreated = false

    init(seed: UInt64, context: String) {
        disk = SimulatedDisk(seed: seed)
        generator = Generator(seed: seed)
        self.context = context
    }

    private func open(at now: Int64) throws -> DataDirectory {
        try DataDirectory.open(
            path: "/data", disk: disk, options: LogFixture.options(), now: now, logger: nil)
    }

    mutating func run() {
        for round in 0..<2 {
            // Most starts succeed; one that does not leaves everything to the next.
            guard let directory = try? open(at: now) else { continue }
            if round == 0 {
                do {
                    try directory.createTopic(
                        "events", partitions: 1,
                        overrides: ["segment.bytes": "1200", "index.interval.bytes": "100"],
                        now: now)
                    wasCreated = true
                } catch {}
            }
            guard let log = directory.topic("events")?.partitions[0] else { continue }
            for _ in 0..<8 { append(log, directory) }
            let middle = (log.startOffset + log.durableEnd) / 2
            model.startMax = max(model.startMax, middle)
            if let start = try? log.trim(to: middle, now: now) { model.startOffset = start }
            for _ in 0..<4 { append(log, directory) }
            try? directory.close(now: now)
            disk.kill(keepsFault: true)
        }
        model.durableEnd = max(model.durableEnd, acknowledged.withLock { $0 })
    }

    private mutating func append(_ log: PartitionLog, _ directory: DataDirectory) {
        let batch = Batches.batch(
            [generator.bytes(generator.int(50...250)), generator.bytes(50)], timestamp: now)
        let end = log.endOffset
        let result: AppendResult
        do throws(LogError) {
            result = try log.append(batch, now: now)
        } catch {
            // Of a write that failed any part may be there, and all of it (`DiskFile.write`).
            if case .io = error { model.appending(batch, at: end) }
            return
        }
        model.appending(batch, at: result.baseOffset)
        log.whenDurable(result) { [acknowledged] error in
            if error == nil {
                acknowledged.withLock { $0 = max($0, result.nextOffset) }
            }
        }
        if generator.chance(2, in: 3) { directory.commitNow() }
    }

    /// The disk is well again: everything must be there, twice.
    mutating func check() throws {
        for _ in 0..<2 {
            let directory = try open(at: now)
            guard let topic = directory.topic("events") else {
                #expect(!wasCreated, "\(context): the topic is gone")
                return
            }
            try model.check(topic.partitions[0], context)
            for damage in directory.recovery.damages {
                #expect(damage.kind != .corruption, "\(context): \(damage)")
            }
            disk.powerCut()
        }
    }
}
