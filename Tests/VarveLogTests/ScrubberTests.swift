import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// The background walk through closed segments.
@Suite struct ScrubberTests {
    private static let hour: Int64 = 3_600_000

    /// Steps until a pass has ended.
    private func pass(
        _ fixture: LogFixture, now: Int64, bytesMax: Int64 = 200
    ) throws -> (bytes: Int64, steps: Int, most: Int64) {
        var bytes: Int64 = 0
        var steps = 0
        var most: Int64 = 0
        repeat {
            let read = try fixture.directory.scrub(
                now: now, bytesMax: bytesMax, intervalMilliseconds: Self.hour)
            bytes += read
            most = max(most, read)
            steps += 1
        } while fixture.directory.health.scrub.passBegan != nil && steps < 10_000
        return (bytes, steps, most)
    }

    @Test func aPassReadsEveryClosedSegmentOnceAtTheRateGiven() throws {
        let log = try HealingTests.Damaged()
        let now = log.fixture.now
        let first = try pass(log.fixture, now: now)
        // Two closed segments of 912 bytes; a batch of 228 may come whole beyond a step's share.
        #expect(first.bytes == 1824 && first.most <= 200 + 228 && first.steps >= 9)
        let status = log.fixture.directory.health.scrub
        #expect(status.lastPassEnd == now && status.bytes == 1824 && status.damages == 0)
        // Nothing until the interval is over.
        #expect(try log.fixture.directory.scrub(
            now: now + Self.hour - 1, bytesMax: 200, intervalMilliseconds: Self.hour) == 0)
        #expect(try log.fixture.directory.scrub(
            now: now + Self.hour, bytesMax: 200, intervalMilliseconds: Self.hour) > 0)
    }

    @Test func aDirectoryThatGoesEndsThePass() throws {
        weak var partition: PartitionLog?
        do {
            let log = try HealingTests.Damaged()
            _ = try log.fixture.directory.scrub(
                now: log.fixture.now, bytesMax: 300, intervalMilliseconds: Self.hour)
            #expect(log.fixture.directory.health.scrub.passBegan != nil)
            partition = log.fixture.log
        }
        #expect(partition == nil)
    }

    @Test func itFindsAndHealsWhatNobodyReads() throws {
        for position in stride(from: 0, to: 912, by: 13) {
            let log = try HealingTests.Damaged()
            log.flip(8, position)
            _ = try pass(log.fixture, now: log.fixture.now)
            let at = position % 228
            let isRepaired = at < 8 || (12..<16).contains(at)
            let health = log.fixture.directory.health
            #expect(health.scrub.damages == (isRepaired ? 0 : 1), "position \(position)")
            #expect(health.damageCount == health.scrub.damages && health.suspects.isEmpty)
            let (found, errors) = try log.readable()
            #expect(
                errors == 0 && found.count == (isRepaired ? 12 : 11), "position \(position)")
            for (offset, bytes) in found { #expect(bytes == log.batches[offset]) }
        }
    }

    @Test(arguments: ["index", "timeindex", "seal"])
    func itPutsDamagedHelperFilesRight(kind: String) throws {
        let log = try HealingTests.Damaged()
        let path = log.fixture.path(8, kind)
        for byte in log.fixture.disk.contents(path)!.indices {
            var bytes = log.fixture.disk.contents(path)!
            bytes[byte] ^= 2
            log.fixture.disk.setContents(path, bytes)
            let now = log.fixture.now + Int64(byte + 1) * 2 * Self.hour
            _ = try pass(log.fixture, now: now)
            log.fixture.directory.commitNow()
            let after = try log.fixture.log.verify(now: now)
            #expect(after.damages.isEmpty && after.notes.isEmpty, "byte \(byte): \(after)")
        }
        var restarted = log
        try restarted.fixture.restart()
        #expect(restarted.fixture.report.wasClean)
    }

    @Test func itGoesOnWhereItWasAfterARestart() throws {
        var log = try HealingTests.Damaged()
        let now = log.fixture.now
        var bytes: Int64 = 0
        // The first segment, and the minute after which the place is kept.
        while bytes < 912 {
            bytes += try log.fixture.directory.scrub(
                now: now, bytesMax: 300, intervalMilliseconds: Self.hour)
        }
        bytes += try log.fixture.directory.scrub(
            now: now + 60_000, bytesMax: 229, intervalMilliseconds: Self.hour)
        try log.fixture.restart()
        let rest = try pass(log.fixture, now: now + 61_000)
        #expect(rest.bytes == 912, "the second segment, from its begin")
        let end = log.fixture.directory.health.scrub.lastPassEnd
        #expect(end == now + 61_000)
        // A damaged file only costs another pass.
        log.fixture.disk.powerCut()
        var file = log.fixture.disk.contents("/data/scrub")!
        file[20] ^= 1
        log.fixture.disk.setContents("/data/scrub", file)
        try log.fixture.reopen()
        #expect(try pass(log.fixture, now: now + 62_000).bytes > 1800)
    }

    @Test func topicsThatComeAndGoDoNotHoldItUp() throws {
        var log = try HealingTests.Damaged()
        let directory = log.fixture.directory
        _ = try directory.scrub(
            now: log.fixture.now, bytesMax: 300, intervalMilliseconds: Self.hour)
        try directory.deleteTopic("events")
        try directory.createTopic("aaa", partitions: 3, now: log.fixture.now)
        try directory.createTopic("zzz", partitions: 3, now: log.fixture.now)
        _ = try pass(log.fixture, now: log.fixture.now)
        #expect(directory.health.scrub.lastPassEnd != nil)
        #expect(directory.health.scrub.damages == 0 && !directory.needsHealing)
        log.batches = [:]
    }
}
