import Testing
import VarveLog
import VarvePlatform
import VarveSimulation

/// What comes while a commit is under way, its sync done and nobody told yet.
@Suite struct BesideACommitTests {
    /// The append that comes in between stays in the segment, or begins the next one.
    @Test(arguments: [10, 700])
    func whatIsAcknowledgedIsOnTheDiskAtThatMoment(valueBytes: Int) throws {
        var fixture = try LogFixture()
        let log = try fixture.partition(["segment.bytes": "1024"])
        let (disk, now) = (fixture.disk, fixture.now)
        let batch = Batches.batch([[UInt8](repeating: 7, count: valueBytes)], timestamp: now)
        let survived = Lock<[Int64]>([])
        // What a power cut would leave at the moment of each acknowledgement.
        let append: @Sendable () throws -> Void = {
            let result = try log.append(batch, now: now)
            log.whenDurable(result) { error in
                #expect(error == nil)
                let copy = disk.fork()
                copy.powerCut(keep: 0)
                #expect(throws: Never.self) {
                    let directory = try DataDirectory.open(
                        path: "/data", disk: copy, options: LogFixture.options(), now: now,
                        logger: nil)
                    let end = directory.topic("events")!.partitions[0].durableEnd
                    survived.withLock { $0.append(end) }
                }
            }
        }
        try append()
        disk.once(append)
        fixture.directory.commitNow()
        disk.setObserver(nil)
        #expect(survived.withLock { $0 } == [1, 2])
        #expect(log.durableEnd == 2)
    }

    @Test func aTrimStaysWhereItIs() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        for value in ["0", "1"] {
            try fixture.append([value])
            fixture.directory.commitNow()
        }
        try fixture.append(["2"])
        // The commit will write a mark, and has made up its mind about it before the trim.
        fixture.directory.tick(now: fixture.now + 60_000)
        let (disk, now) = (fixture.disk, fixture.now)
        disk.once { _ = try log.trim(to: 1, now: now) }
        fixture.directory.commitNow()
        disk.setObserver(nil)
        #expect(log.startOffset == 1)
        disk.powerCut(keep: 0)
        try fixture.reopen()
        #expect(fixture.log.startOffset == 1)
        #expect(try fixture.values() == ["1", "2"])
    }

    /// The commit was going to seal a segment; then a read found damage in it, and it was healed.
    @Test func aSegmentThatIsHealedMeanwhileIsNotSealedAsItWas() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition(["segment.bytes": "1024", "index.interval.bytes": "100"])
        let value = String(repeating: "v", count: 150)
        for number in 0..<4 { try fixture.append([value + "\(number)"]) }
        fixture.directory.commitNow()
        #expect(fixture.disk.contents(fixture.path(4, "log")) == nil)
        let (disk, directory, now) = (fixture.disk, fixture.directory, fixture.now)
        // The last batch: were the old seal believed, its offset would be missed once more.
        let path = fixture.path(0, "log")
        #expect(disk.damage(path, at: try fixture.batchBytes(0).count - 20))
        try fixture.append([value + "next"])
        #expect(disk.contents(fixture.path(4, "log"))?.isEmpty == false, "it was closed")
        let syncs = disk.count(of: .sync)
        let isDone = Lock(false)
        disk.setObserver {
            guard disk.count(of: .sync) > syncs, !isDone.withLock({ $0 }) else { return }
            isDone.withLock { $0 = true }
            #expect(throws: LogError.self) { try log.read(from: 3, bytesMax: 1) }
            #expect(directory.heal(now: now).flatMap(\.damages).count == 1)
        }
        directory.commitNow()
        disk.setObserver(nil)
        #expect(isDone.withLock { $0 })
        let expected = ["0", "1", "2", "next"].map { value + $0 }
        #expect(try fixture.values() == expected)
        try directory.close(now: now)
        disk.kill()
        var verification = Verification(path: "/data", disk: disk, options: .init())
        let report = try verification.run()
        #expect(report.isClean, "\(report.findings)")
        try fixture.reopen()
        #expect(fixture.report.wasClean && fixture.report.damages.isEmpty, "reported once")
        #expect(try fixture.values() == expected)
    }
}
