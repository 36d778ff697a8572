import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// A topic that is being deleted when the process or the power goes is there whole, or not at all;
/// and not where its deletion had returned.
@Suite struct DeletionCrashTests {
    private func fixture() throws -> LogFixture {
        var fixture = try LogFixture()
        _ = try fixture.partition(["segment.bytes": "1024"])
        for number in 0..<4 { try fixture.append([String(repeating: "\(number)", count: 500)]) }
        fixture.directory.commitNow()
        return fixture
    }

    /// The process dies at each operation of a deletion, the power goes at each operation of the
    /// start that goes on with it.
    @Test func aDeletionThatWasCutOffTwiceLeavesAllOrNothing() throws {
        let whole = try fixture()
        let before = whole.disk.operationCount
        try whole.directory.deleteTopic("events")
        let operations = whole.disk.operationCount - before
        var (kept, gone) = (0, 0)
        for operation in 0..<operations {
            let killed = try fixture()
            killed.disk.die(at: killed.disk.operationCount + operation)
            let isDeleted = (try? killed.directory.deleteTopic("events")) != nil
            killed.disk.kill()
            var death = 0
            while true {
                let disk = killed.disk.fork(seed: UInt64(operation * 1000 + death))
                disk.die(at: disk.operationCount + death)
                let start = try? DataDirectory.open(
                    path: "/data", disk: disk, options: LogFixture.options(), now: killed.now,
                    logger: nil)
                let isWhole = !disk.isDead
                disk.powerCut(keep: [0, 50, 100][death % 3])
                withExtendedLifetime(start) {}
                let directory = try DataDirectory.open(
                    path: "/data", disk: disk, options: LogFixture.options(), now: killed.now,
                    logger: nil)
                if let topic = directory.topic("events") {
                    kept += 1
                    #expect(!isDeleted, "\(operation), \(death)")
                    #expect(directory.recovery.partitions.allSatisfy { $0.damages.isEmpty })
                    #expect(
                        try topic.partitions[0].everything().map(\.header.baseOffset)
                            == [0, 1, 2, 3], "\(operation), \(death)")
                } else {
                    gone += 1
                }
                if isWhole { break }
                death += 1
            }
        }
        #expect(kept > 10 && gone > 10, "\(kept) kept, \(gone) gone")
    }
}
