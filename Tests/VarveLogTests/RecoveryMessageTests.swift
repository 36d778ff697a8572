import Testing
import VarveLog
import VarvePlatform
import VarveSimulation

/// What a start says in the broker's own log of what it found.
@Suite struct RecoveryMessageTests {
    private func reopened(_ fixture: LogFixture) throws -> [String] {
        let lines = Lock<[String]>([])
        _ = try DataDirectory.open(
            path: "/data", disk: fixture.disk, options: LogFixture.options(), now: fixture.now,
            logger: Logger("test", sink: { line in lines.withLock { $0.append(line) } }))
        return lines.withLock { $0 }
    }

    @Test func damageAndNotesAreSaid() throws {
        var fixture = try LogFixture()
        try fixture.appendFourToASegment(12)
        fixture.disk.kill()
        let last = fixture.path(16, "log")
        var bytes = fixture.disk.contents(last)!
        bytes[300] ^= 1
        fixture.disk.setContents(last, bytes)
        _ = try fixture.disk.open(fixture.path(40, "index"), .create)
        fixture.disk.setContents(
            "/data/topics/events/0/durable", [UInt8](repeating: 7, count: 1024))
        let lines = try reopened(fixture)
        let damage = try #require(lines.first { $0.contains("damage set aside") })
        for part in ["events", last, "quarantine", "firstOffset=18", "nextOffset=20"] {
            #expect(damage.contains(part), "\(damage)")
        }
    }

    @Test func aPartitionThatCannotBeReadIsNamed() throws {
        var fixture = try LogFixture()
        try fixture.appendFourToASegment(12)
        fixture.disk.kill()
        fixture.disk.fail(
            .init(operation: 0, errno: SystemError.eio, isLasting: true), only: [.sync])
        let lines = try reopened(fixture)
        let line = try #require(lines.first { $0.contains("partition could not be recovered") })
        #expect(line.contains("events") && line.contains("level=error"), "\(line)")
    }

    /// What was appended and not yet durable is committed before the partition is read anew.
    @Test func aReopenedPartitionKeepsWhatWasOnItsWay() throws {
        let disk = SimulatedDisk(seed: 1)
        let now: Int64 = 1_767_225_600_000
        let directory = try DataDirectory.open(
            path: "/data", disk: disk,
            options: DataDirectoryOptions(commit: .threads(syncers: 1)), now: now, logger: nil)
        let log = try directory.createTopic("events", partitions: 1, now: now).partitions[0]
        for number in 0..<20 {
            _ = try log.append(Batches.batch([[UInt8(number)]]), now: now)
        }
        let report = try log.reopen(now: now, readsEverything: true)
        #expect(report.damages.isEmpty)
        #expect(log.durableEnd == 20 && log.endOffset == 20)
        _ = try log.append(Batches.batch([[20]]), now: now)
        try directory.close(now: now)
    }
}
