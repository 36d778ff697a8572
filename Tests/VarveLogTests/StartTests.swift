import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// What a start reads of the data: nothing after a clean stop, the tails after a power cut.
@Suite struct StartTests {
    /// A hundred partitions of several segments, producers and indexes included.
    private static func filled(hasJournal: Bool = true) throws -> LogFixture {
        var options = LogFixture.options()
        if !hasJournal { options.journalBytes = 0 }
        var fixture = try LogFixture(seed: 4, options: options)
        let logs = try fixture.directory.createTopic(
            "events", partitions: 100,
            overrides: ["segment.bytes": "8000", "index.interval.bytes": "1000"],
            now: fixture.now
        ).partitions
        for sequence in 0..<10 {
            for (index, log) in logs.enumerated() {
                _ = try log.append(
                    Batches.batch(
                        [[UInt8](repeating: 1, count: 1500)], timestamp: fixture.now,
                        producerID: Int64(index), epoch: 0, sequence: Int32(sequence)),
                    now: fixture.now)
            }
            if sequence == 4 { fixture.directory.commitNow() }
        }
        fixture.directory.commitNow()
        fixture.now += 40_000
        fixture.directory.tick(now: fixture.now)
        fixture.directory.commitNow()
        return fixture
    }

    private static func logBytes(_ fixture: LogFixture) -> Int64 {
        fixture.disk.allFiles.filter { $0.hasSuffix(".log") }
            .reduce(0) { $0 + Int64(fixture.disk.contents($1)!.count) }
    }

    private static func touched(_ fixture: LogFixture) -> [String] {
        fixture.disk.operationLog.filter {
            $0.hasSuffix(".log") && !$0.contains(" stat ")
        }
    }

    @Test func afterACleanStopNoDataIsRead() throws {
        var fixture = try Self.filled()
        try fixture.directory.close(now: fixture.now)
        fixture.disk.kill()
        fixture.disk.beginLog()
        try fixture.reopen()
        #expect(fixture.directory.recovery.partitions.allSatisfy { $0.wasClean })
        #expect(fixture.directory.recovery.bytesScanned == 0)
        #expect(Self.touched(fixture) == [], "no segment was so much as opened")
        let segments = fixture.disk.allFiles.filter { $0.hasSuffix(".log") }.count
        #expect(segments >= 200)
        for log in fixture.directory.topic("events")!.partitions {
            #expect(log.durableEnd == 10)
        }
    }

    @Test(arguments: [false, true])
    func afterAPowerCutOnlyTheUnsyncedTailsAreRead(hasJournal: Bool) throws {
        var fixture = try Self.filled(hasJournal: hasJournal)
        let logs = fixture.directory.topic("events")!.partitions
        let before = Self.logBytes(fixture)
        let batch = Batches.batch([[2]], timestamp: fixture.now)
        for log in logs.prefix(7) { _ = try log.append(batch, now: fixture.now) }
        fixture.directory.commitNow()
        let grown = Self.logBytes(fixture) - before
        fixture.disk.powerCut(keep: 0)
        fixture.disk.beginLog()
        try fixture.reopen()
        // With what is written ahead behind those seven, and behind no other; or what the journal
        // has of them.
        #expect(
            fixture.directory.recovery.bytesScanned
                == (hasJournal ? Int64(7 * batch.count) : grown))
        let reads = Self.touched(fixture).filter { $0.contains(" pread ") }
        let files = Set(reads.map { $0.split(separator: " ").last! })
        #expect(files.count == 7, "\(files)")
        #expect(
            fixture.directory.topic("events")!.partitions.map(\.durableEnd)
                == (0..<100).map { $0 < 7 ? 11 : 10 })
    }

    /// Ten thousand empty partitions cost a start no sync and no open file.
    @Test func emptyPartitionsCostNoSync() throws {
        var fixture = try LogFixture()
        try fixture.directory.createTopic("empty", partitions: 10_000, now: fixture.now)
        try fixture.directory.close(now: fixture.now)
        fixture.disk.kill()
        let syncs = fixture.disk.count(of: .sync)
        let opens = fixture.disk.count(of: .open)
        try fixture.reopen()
        #expect(fixture.directory.topic("empty")?.partitions.count == 10_000)
        #expect(fixture.disk.count(of: .sync) == syncs)
        #expect(fixture.disk.count(of: .open) - opens < 10)
        try fixture.directory.close(now: fixture.now)
        #expect(fixture.disk.count(of: .sync) == syncs + 1, "that of the clean stop itself")
    }
}
