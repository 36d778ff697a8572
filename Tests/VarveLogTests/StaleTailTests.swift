import Testing
import VarveLog
import VarvePlatform
import VarveSimulation

/// Bytes of an earlier life that stand, unseen, behind the end of the file: they never pass for
/// what a later life appended there (I3).
@Suite struct StaleTailTests {
    /// A durable record, and behind the file's end a batch that was lost with its size.
    private func fixture(stopsCleanly: Bool = true) throws -> LogFixture {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try fixture.append(["durable"])
        try fixture.restart()
        if !stopsCleanly {
            fixture.disk.powerCut(keep: 0)
            try fixture.reopen()
        }
        try fixture.append(["first life"])
        fixture.disk.powerCut(keepsData: true, keepsSizes: false)
        return fixture
    }

    @Test(arguments: [false, true])
    func aBatchThatWasCutOffDoesNotComeBack(stopsCleanly: Bool) throws {
        var fixture = try fixture(stopsCleanly: stopsCleanly)
        try fixture.reopen()
        #expect(try fixture.values() == ["durable"])
        #expect(fixture.log.endOffset == 1)
        try fixture.append(["secondlife"])
        fixture.disk.powerCut(keepsData: false, keepsSizes: true)
        try fixture.reopen()
        #expect(try fixture.values() == ["durable"])
        #expect(fixture.report.damages.isEmpty, "zeros are no damage")
        #expect(fixture.log.endOffset == 1)
    }

    @Test func whereTheDiskIsTooFullToClearTheBlockANewSegmentBegins() throws {
        var fixture = try fixture()
        let used = fixture.disk.allFiles.reduce(0) { $0 + fixture.disk.contents($1)!.count }
        // (Room for a name of the lock's holder and for marks; not for a block.)
        fixture.disk.setCapacity(used + 2000)
        try fixture.reopen()
        fixture.disk.setCapacity(nil)
        #expect(fixture.log.endOffset == 1)
        try fixture.append(["second life"])
        #expect(fixture.disk.contents(fixture.path(1, "log")) != nil, "a new segment")
        fixture.disk.powerCut(keep: 100)
        try fixture.reopen()
        #expect(try fixture.values() == ["durable", "second life"])
        #expect(fixture.report.damages.isEmpty)
    }

    /// A crash while the block is cleared leaves nothing that is damage to what was there.
    @Test func aCrashWhileTheBlockIsClearedLosesNothing() throws {
        let whole = try fixture()
        let before = whole.disk.operationCount
        var opened = whole
        opened.disk.beginLog()
        try opened.reopen()
        let operations = opened.disk.operationCount - before
        for operation in 0..<operations {
            for keep in [0, 50, 100] {
                var fixture = try fixture()
                fixture.disk.die(at: fixture.disk.operationCount + operation)
                do {
                    try fixture.reopen()
                } catch is LogError {
                    // As it was to be.
                }
                fixture.disk.powerCut(keep: keep)
                try fixture.reopen()
                // A start that did not come to its end has shown nobody what was cut off: it may
                // be there, as after a power cut that had kept its size.
                let values = try fixture.values()
                #expect(values == ["durable"] || values == ["durable", "first life"])
                #expect(fixture.report.damages.allSatisfy { $0.kind == .tornTail })
                try fixture.append(["secondlife"])
                fixture.directory.commitNow()
                fixture.disk.powerCut(keep: 0)
                try fixture.reopen()
                #expect(try fixture.values() == values + ["secondlife"])
                #expect(fixture.report.damages.isEmpty)
            }
        }
    }

    /// What a clean stop leaves needs no clearing: the next start writes nothing to the segments.
    @Test func afterACleanStopNoBlockIsCleared() throws {
        var fixture = try LogFixture()
        _ = try fixture.partition()
        try fixture.append(["durable"])
        try fixture.restart()
        try fixture.directory.close(now: fixture.now)
        fixture.disk.kill()
        fixture.disk.beginLog()
        try fixture.reopen()
        let log = fixture.path(0, "log")
        #expect(
            !fixture.disk.operationLog.contains {
                $0.hasSuffix(log) && ($0.contains("pwrite") || $0.contains("ftruncate"))
            })
    }
}
