import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// Zeros are written ahead of batches that come alone, and are nothing to whoever reads the file.
@Suite struct WriteAheadTests {
    private func fileSize(_ fixture: LogFixture, _ base: Int64 = 0) -> Int {
        fixture.disk.contents(fixture.path(base, "log"))!.count
    }

    private func appendAlone(_ values: [String], to fixture: LogFixture) throws {
        for value in values {
            try fixture.append([value])
            fixture.directory.commitNow()
        }
    }

    /// A commit that covers a batch writes a mark as well: there are zeros behind the mark.
    private func appendWithMark(_ value: String, to fixture: inout LogFixture) throws {
        try fixture.append([value])
        fixture.commitWithMark()
        #expect(try fileSize(fixture) > fixture.batchBytes(0).count)
    }

    private func findings(_ fixture: LogFixture) throws -> [Finding] {
        var verification = Verification(path: "/data", disk: fixture.disk, options: .init())
        let report = try verification.run()
        return report.findings + report.notices
    }

    @Test func loneBatchesDoNotChangeTheFilesSize() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        var sizes: Set<Int> = []
        for number in 0..<1000 {
            try appendAlone(["\(number)"], to: fixture)
            sizes.insert(fileSize(fixture))
        }
        let used = try fixture.batchBytes(0).count
        #expect(sizes.count <= 5 && sizes.min()! == 4096, "\(sizes.sorted())")
        #expect(sizes.max()! <= used + 65_536)
        #expect(try fixture.values() == (0..<1000).map { "\($0)" })
    }

    /// What waits for one sync together, and what is large, has no use for it.
    @Test func nothingIsWrittenAheadOfManyBatchesOrALargeOne() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try fixture.append([String(repeating: "x", count: 17_000)])
        #expect(try fileSize(fixture) == fixture.batchBytes(0).count)
        for _ in 0..<200 { try fixture.append([String(repeating: "y", count: 100)]) }
        #expect(try fileSize(fixture) == fixture.batchBytes(0).count)
        fixture.directory.commitNow()
        try fixture.append(["behind many"])
        #expect(try fileSize(fixture) == fixture.batchBytes(0).count)
        fixture.directory.commitNow()
        try fixture.append(["behind one"])
        #expect(try fileSize(fixture) > fixture.batchBytes(0).count)
    }

    @Test func aKilledProcessLeavesZerosThatAreNoDamage() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try appendAlone(["one", "two"], to: fixture)
        fixture.disk.kill()
        #expect(try fileSize(fixture) > fixture.batchBytes(0).count)
        #expect(try findings(fixture).isEmpty)
        try fixture.reopen()
        #expect(fixture.report.damages.isEmpty && fixture.report.notes.isEmpty)
        #expect(try fileSize(fixture) == fixture.batchBytes(0).count, "a start cuts them off")
        #expect(try fixture.values() == ["one", "two"])
        let report = try fixture.log.reopen(now: fixture.now, readsEverything: true)
        #expect(report.damages.isEmpty && report.notes.isEmpty)
    }

    @Test(arguments: [false, true])
    func aFileThatGrowsNoMoreEndsWithItsBatches(stops: Bool) throws {
        var fixture = try LogFixture()
        _ = try fixture.partition(["segment.bytes": "1024"])
        try appendAlone(["one"], to: fixture)
        #expect(try fileSize(fixture) > fixture.batchBytes(0).count)
        if stops {
            try fixture.directory.close(now: fixture.now)
        } else {
            try appendAlone([String(repeating: "y", count: 900)], to: fixture)
            #expect(try fixture.batchBytes(1).count > 900, "rolled")
        }
        fixture.disk.powerCut(keep: 0)
        #expect(try fileSize(fixture) == fixture.batchBytes(0).count)
        try fixture.reopen()
        #expect(fixture.report.damages.isEmpty && fixture.report.wasClean == stops)
        #expect(fixture.report.bytesScanned == 0 || !stops)
    }

    /// A start after a crash has nothing to read where a partition was quiet.
    @Test func aQuietPartitionHasNothingBehindItsMark() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try appendAlone(["one", "two"], to: fixture)
        fixture.commitWithMark()
        fixture.disk.powerCut(keep: 0)
        #expect(try fileSize(fixture) == fixture.batchBytes(0).count)
        try fixture.reopen()
        #expect(fixture.report.bytesScanned == 0)
        #expect(try fixture.values() == ["one", "two"])
        // And when it is not quiet any more:
        try appendAlone(["three"], to: fixture)
        #expect(try fileSize(fixture) > fixture.batchBytes(0).count)
    }

    /// Only what was torn is set aside and reported, not the zeros behind it.
    @Test func aTornBatchInFrontOfZerosIsReported() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try appendAlone(["one"], to: fixture)
        let first = try fixture.batchBytes(0).count
        try fixture.append(["two, which does not get to the disk whole"])
        var bytes = fixture.disk.contents(fixture.path(0, "log"))!
        for index in first + 80..<bytes.count { bytes[index] = 0 }
        fixture.disk.kill()
        fixture.disk.setContents(fixture.path(0, "log"), bytes)
        #expect(try findings(fixture).map(\.kind) == [.tornTail])
        try fixture.reopen()
        let damage = try #require(fixture.report.damages.first)
        #expect(damage.kind == .tornTail && damage.position == Int64(first))
        // As many bytes as its header says it had.
        #expect(damage.byteCount == 61 + 6 + 41 + 1)
        #expect(try fixture.values() == ["one"])
    }

    /// Zeros where the mark knows of a batch are damage: acknowledged events are missing.
    @Test func zerosInPlaceOfAMarkedBatchAreReported() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try appendAlone(["one"], to: fixture)
        try appendWithMark("two", to: &fixture)
        var bytes = fixture.disk.contents(fixture.path(0, "log"))!
        for index in try fixture.batchBytes(0).count / 2..<bytes.count { bytes[index] = 0 }
        fixture.disk.kill()
        fixture.disk.setContents(fixture.path(0, "log"), bytes)
        #expect(try findings(fixture).map(\.kind) == [.batchDamaged])
        try fixture.reopen()
        let report = try fixture.log.reopen(now: fixture.now, readsEverything: true)
        let damage = try #require(report.damages.first)
        #expect(damage.kind == .corruption && damage.firstOffset == 1 && damage.nextOffset == 2)
        #expect(try fixture.values() == ["one"] && fixture.log.endOffset == 2)
    }

    /// The offset of the last batch is not under its checksum; what the mark says of the end puts
    /// it right, zeros behind it or not.
    @Test func aDamagedOffsetInFrontOfZerosIsRestored() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try appendAlone(["one"], to: fixture)
        try appendWithMark("two", to: &fixture)
        let path = fixture.path(0, "log")
        fixture.disk.kill()
        var bytes = fixture.disk.contents(path)!
        let last = LogFixture.batchEnd(bytes) / 2
        bytes[last + 7] = 9
        fixture.disk.setContents(path, bytes)
        try fixture.reopen()
        let report = try fixture.log.reopen(now: fixture.now, readsEverything: true)
        #expect(report.damages.isEmpty && report.notes.contains { $0.contains("restored") })
        #expect(try fixture.values() == ["one", "two"])
    }

    /// A log that was read whole still knows when its batches came.
    @Test func timesOfAppendSurviveAFullRead() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition(["retention.ms": "100000", "segment.ms": "1000000"])
        try appendWithMark("one", to: &fixture)
        fixture.now += 60_000
        _ = try fixture.log.reopen(now: fixture.now, readsEverything: true)
        #expect(!fixture.directory.retentionPlan(now: fixture.now).isEmpty)
    }

    @Test func aFullDiskTakesTheBatchWithoutZeros() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        let used = fixture.disk.allFiles.reduce(0) { $0 + fixture.disk.contents($1)!.count }
        fixture.disk.setCapacity(used + 300)
        try appendAlone(["one"], to: fixture)
        fixture.disk.setCapacity(nil)
        try appendAlone(["two"], to: fixture)
        #expect(try fixture.values() == ["one", "two"])
    }
}
