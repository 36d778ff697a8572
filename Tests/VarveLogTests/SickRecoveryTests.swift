import Testing
import VarvePlatform
import VarveProof
import VarveRecords
import VarveSimulation

@testable import VarveLog

/// Recovery and healing on a disk that changes under their hands: they end with an error and the
/// log as it was, or with the truth, never with a guess (I5).
@Suite struct SickRecoveryTests {
    /// Runs `body` once, behind the operation that makes `condition` true.
    private static func once(
        on disk: SimulatedDisk, _ condition: @escaping @Sendable (SimulatedDisk) -> Bool,
        _ body: @escaping @Sendable (SimulatedDisk) -> Void
    ) {
        let isDone = Lock(false)
        disk.setObserver {
            guard !isDone.withLock({ $0 }), condition(disk) else { return }
            isDone.withLock { $0 = true }
            body(disk)
        }
    }

    private static func hasNewFile(_ disk: SimulatedDisk) -> Bool {
        disk.allFiles.contains { $0.hasSuffix(".log.tmp") }
    }

    @Test func aPartitionWhoseDirectoryIsGoneComesUpEmptyAndIsReported() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try fixture.append(["lost with its directory"])
        try fixture.directory.close(now: fixture.now)
        fixture.disk.kill()
        fixture.disk.erase("/data/topics/events/0")
        try fixture.reopen()
        #expect(fixture.report.notes.contains("the partition's directory was missing"))
        #expect(fixture.log.isOnline && fixture.log.endOffset == 0)
        try fixture.append(["next"])
        fixture.directory.commitNow()
        // The new directory's name is as durable as what was acknowledged in it.
        fixture.disk.powerCut(keep: 0)
        try fixture.reopen()
        #expect(try fixture.values() == ["next"])
    }

    /// A process dies at each operation of a commit that writes mark and indexes, and the
    /// write-back of what it left fails before anybody is told: the next life hears of it with its first sync
    /// of each file, and goes on (I7).
    @Test func aWriteBackThatNobodyHeardOfStopsNothing() throws {
        let operations = try Self.markedLog(seed: 0, dyingAt: nil).operations
        #expect(operations > 5)
        for seed: UInt64 in 0..<8 {
            for operation in 0..<operations {
                var fixture = try Self.markedLog(seed: seed, dyingAt: operation).fixture
                let disk = fixture.disk
                disk.kill()
                disk.fail(.init(operation: disk.operationCount, errno: SystemError.eio))
                let system = try #require(try disk.fileSystem(of: "/data"))
                #expect(throws: SystemError.self) { try system.writeBack() }
                disk.fail(nil)
                try fixture.reopen()
                #expect(fixture.log.isOnline && fixture.log.durableEnd >= 4)
                try Self.appendWithMark([8], to: &fixture)
                let log = fixture.log
                #expect(
                    log.isOnline && log.durableEnd == log.endOffset, "\(seed), \(operation)")
            }
        }
    }

    /// Four batches that are durable, and four whose commit the process dies in.
    private static func markedLog(
        seed: UInt64, dyingAt operation: Int?
    ) throws -> (fixture: LogFixture, operations: Int) {
        var fixture = try LogFixture(seed: seed)
        _ = try fixture.partition(["index.interval.bytes": "100"])
        try appendWithMark(0..<4, to: &fixture)
        let before = fixture.disk.operationCount
        try appendWithMark(4..<8, to: &fixture, dyingAt: operation)
        return (fixture, fixture.disk.operationCount - before)
    }

    private static func appendWithMark(
        _ numbers: some Sequence<Int>, to fixture: inout LogFixture, dyingAt operation: Int? = nil
    ) throws {
        for number in numbers { try fixture.append([String(repeating: "\(number)", count: 60)]) }
        fixture.commitWithMark(dyingAt: operation)
    }

    /// A range is set aside, the rest written anew, and read back: what comes is not it.
    @Test func aRewriteThatReadsBackWrongIsNotServed() throws {
        let log = try HealingTests.Damaged()
        let (disk, path) = (log.fixture.disk, log.fixture.path(8, "log"))
        log.flip(8, 300)
        let wasBegun = Lock(false)
        Self.once(on: disk) { disk in
            let isThere = Self.hasNewFile(disk)
            if isThere { wasBegun.withLock { $0 = true } }
            return !isThere && wasBegun.withLock { $0 }
        } _: { disk in
            _ = disk.damage(path, at: 100)
        }
        let failure = #expect(throws: LogError.self) {
            try log.fixture.log.reopen(now: log.fixture.now, readsEverything: true)
        }
        disk.setObserver(nil)
        #expect(!log.fixture.log.isOnline)
        #expect(failure.map { "\($0)".contains("not what was written") } == true)
        // The next one takes the disk at its word: two batches are gone, and both were set aside.
        _ = try log.fixture.log.reopen(now: log.fixture.now, readsEverything: true)
        let (found, errors) = try log.readable()
        #expect(errors == 0 && found.count == 10)
        for (offset, bytes) in found { #expect(bytes == log.batches[offset]) }
        #expect(disk.allFiles.count { $0.hasSuffix(".bytes") } == 2)
    }

    @Test func aFileThatShrinksWhileItIsCopiedStaysInItsPlace() throws {
        let log = try HealingTests.Damaged()
        let (disk, path) = (log.fixture.disk, log.fixture.path(8, "log"))
        log.flip(8, 300)
        Self.once(on: disk, Self.hasNewFile) { disk in
            disk.setContents(path, Array(disk.contents(path)!.prefix(500)))
        }
        #expect(throws: LogError.self) {
            try log.fixture.log.reopen(now: log.fixture.now, readsEverything: true)
        }
        disk.setObserver(nil)
        #expect(!log.fixture.log.isOnline)
        #expect(disk.contents(path)?.count == 500)
        let report = try log.fixture.log.reopen(now: log.fixture.now, readsEverything: true)
        // What is not there any more is reported as well, though nothing can be set aside of it.
        #expect(report.damages.first?.firstOffset == 10)
        #expect(report.damages.last?.nextOffset == 16)
        let (found, errors) = try log.readable()
        #expect(errors == 0 && found.keys.sorted() == [0, 2, 4, 6, 8, 16, 18, 20, 22])
    }

    /// The copy without the damage is ready, and a trim has taken the segment meanwhile.
    @Test func aSegmentThatIsTrimmedWhileItIsHealedStaysAway() throws {
        let damaged = try HealingTests.Damaged()
        let (disk, log, now) = (
            damaged.fixture.disk, damaged.fixture.log, damaged.fixture.now
        )
        damaged.flip(8, 300)
        #expect(try damaged.readable().errors > 0)
        Self.once(on: disk, Self.hasNewFile) { _ in
            #expect(throws: Never.self) { try log.trim(to: 16, now: now) }
        }
        damaged.fixture.directory.heal(now: now)
        disk.setObserver(nil)
        #expect(log.isOnline && log.startOffset == 16)
        #expect(!Self.hasNewFile(disk), "the copy is not needed any more")
        #expect(disk.contents(damaged.fixture.path(8, "log")) == nil)
        #expect(try damaged.readable().found.keys.sorted() == [16, 18, 20, 22])
        #expect(!damaged.fixture.directory.needsHealing)
        var restarted = damaged
        disk.powerCut(keep: 0)
        try restarted.fixture.reopen()
        #expect(restarted.fixture.log.startOffset == 16)
        #expect(try restarted.readable().found.count == 4)
    }

    /// One damaged sector holds the end of a batch and the offset of the next, which is then 0, as
    /// if it were the first of the log. Its neighbours tell the right one.
    @Test func anOffsetThatWasZeroedWithTheBatchBeforeItIsRestored() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        var expected: [Int64: ByteSlice] = [:]
        for number in 0..<3 {
            let batch = Batches.batch([[UInt8](repeating: 9, count: 100 + number)])
            let base = try log.append(batch, now: fixture.now).baseOffset
            expected[base] = Batches.stamped(batch, at: base)
        }
        fixture.directory.commitNow()
        let path = fixture.path(0, "log")
        var bytes = fixture.disk.contents(path)!
        let first = expected[0]!.count
        for at in first - 30..<first + 8 { bytes[at] = 0 }
        fixture.disk.setContents(path, bytes)
        let report = try log.reopen(now: fixture.now, readsEverything: true)
        #expect(report.damages.map(\.firstOffset) == [0])
        #expect(report.damages.map(\.nextOffset) == [1])
        expected[0] = nil
        let (found, errors) = log.readableBatches()
        #expect(errors.isEmpty && found == expected)
    }

    /// What a read takes from the disk at once may end anywhere in a batch, also in its header.
    @Test func whereverAReadEndsItBringsWholeBatches() throws {
        var fixture = try LogFixture()
        // No index entries: every read begins with the segment's first byte.
        let log = try fixture.partition(["index.interval.bytes": "1000000"])
        var expected: [ByteSlice] = []
        for number in 0..<100 {
            let batch = Batches.batch([[UInt8](repeating: UInt8(number), count: 50 + number % 7)])
            _ = try log.append(batch, now: fixture.now)
            expected.append(Batches.stamped(batch, at: Int64(number)))
        }
        fixture.directory.commitNow()
        for offset in 55..<100 {
            for bytesMax in stride(from: 0, to: 400, by: 9) {
                let found = try log.read(from: Int64(offset), bytesMax: bytesMax)
                let batches = RecordBatch.batches(in: found.batches).map(\.bytes)
                #expect(!batches.isEmpty)
                #expect(batches == Array(expected[offset..<offset + batches.count]))
                #expect(batches.count == 1 || found.batches.count <= bytesMax)
                #expect(found.nextOffset == Int64(offset + batches.count))
            }
        }
    }

    // MARK: Compaction

    /// Every byte of a batch's header and of its first record.
    @Test func whateverIsDamagedCompactionDropsNothing() throws {
        for position in 0..<80 {
            var fixture = try CompactionFixture()
            for round in 0..<4 { try fixture.put([("a", "\(round)")]) }
            try fixture.roll()
            let path = fixture.base.path(0, "log")
            var bytes = fixture.base.disk.contents(path)!
            bytes[position] ^= 0x40
            fixture.base.disk.setContents(path, bytes)
            do {
                try fixture.compact()
                Issue.record("byte \(position): compacted")
            } catch LogError.corrupt {
            } catch {
                Issue.record("byte \(position): \(error)")
            }
            #expect(fixture.base.disk.contents(path) == bytes, "byte \(position)")
            #expect(fixture.log.isOnline)
            fixture.base.directory.heal(now: fixture.base.now)
            #expect(try fixture.text().hasSuffix("1 a=1, 2 a=2, 3 a=3"), "byte \(position)")
        }
    }

    @Test func compactionLeavesAFileThatLostItsEnd() throws {
        var fixture = try CompactionFixture()
        for round in 0..<4 { try fixture.put([("a", "\(round)")]) }
        try fixture.roll()
        let path = fixture.base.path(0, "log")
        let short = Array(fixture.base.disk.contents(path)!.dropLast(10))
        fixture.base.disk.setContents(path, short)
        do {
            try fixture.compact()
            Issue.record("compacted")
        } catch LogError.corrupt {}
        #expect(fixture.base.disk.contents(path) == short)
        fixture.base.directory.heal(now: fixture.base.now)
        #expect(try fixture.text() == "0 a=0, 1 a=1, 2 a=2")
    }
}
