import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// Idempotent producers: a retry is no new batch, a gap is no next one (KIP-98).
@Suite struct ProducerStateTests {
    private func batch(
        _ sequence: Int32, count: Int = 1, epoch: Int16 = 0, producer: Int64 = 9
    ) -> ByteSlice {
        Batches.batch(
            (0..<count).map { _ in [1, 2, 3] }, producerID: producer, epoch: epoch,
            sequence: sequence)
    }

    @Test func aRetryOfTheLastFiveBatchesIsAnsweredAsTheFirstTime() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        for sequence in Int32(0)..<7 {
            #expect(try log.append(batch(sequence), now: fixture.now).baseOffset == Int64(sequence))
        }
        for sequence in Int32(2)..<7 {
            let again = try log.append(batch(sequence), now: fixture.now)
            #expect(again.isDuplicate && again.baseOffset == Int64(sequence))
        }
        #expect(
            throws: LogError.outOfOrderSequence(producerID: 9, expected: 7, found: 1)
        ) { try log.append(batch(1), now: fixture.now) }
        #expect(log.endOffset == 7)
    }

    @Test func aGapAndAnOldEpochAreRefused() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        _ = try log.append(batch(0, count: 3), now: fixture.now)
        #expect(
            throws: LogError.outOfOrderSequence(producerID: 9, expected: 3, found: 4)
        ) { try log.append(batch(4), now: fixture.now) }
        #expect(
            throws: LogError.outOfOrderSequence(producerID: 9, expected: 0, found: 3)
        ) { try log.append(batch(3, epoch: 1), now: fixture.now) }
        _ = try log.append(batch(0, epoch: 1), now: fixture.now)
        #expect(
            throws: LogError.invalidProducerEpoch(producerID: 9, current: 1, found: 0)
        ) { try log.append(batch(3), now: fixture.now) }
        // A producer the log does not know may begin anywhere, as in Kafka.
        _ = try log.append(batch(17, producer: 10), now: fixture.now)
        #expect(log.endOffset == 5)
    }

    @Test func sequencesWrapAfterTheLargestNumber() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        _ = try log.append(batch(Int32.max - 1, count: 2), now: fixture.now)
        _ = try log.append(batch(0), now: fixture.now)
        #expect(log.endOffset == 3)
        _ = try log.append(batch(1), now: fixture.now)
    }

    @Test(arguments: ["clean", "killed", "without snapshots"])
    func stateSurvivesRestartAndRoll(how: String) throws {
        var fixture = try LogFixture()
        var log = try fixture.partition(["segment.bytes": "1024"])
        for sequence in Int32(0)..<40 {
            _ = try log.append(batch(sequence), now: fixture.now)
            _ = try log.append(batch(sequence, producer: 11), now: fixture.now)
            if sequence % 7 == 0 { fixture.directory.commitNow() }
        }
        fixture.directory.commitNow()
        if how == "clean" { try fixture.directory.close(now: fixture.now) }
        fixture.disk.kill()
        if how == "without snapshots" {
            for path in fixture.disk.allFiles where path.hasSuffix(".producers") {
                fixture.disk.erase(path)
            }
        }
        try fixture.reopen()
        log = fixture.log
        for producer: Int64 in [9, 11] {
            #expect(try log.append(batch(39, producer: producer), now: fixture.now).isDuplicate)
            #expect(try log.append(batch(35, producer: producer), now: fixture.now).isDuplicate)
            #expect(throws: LogError.self) {
                try log.append(batch(41, producer: producer), now: fixture.now)
            }
        }
        #expect(try log.append(batch(40), now: fixture.now).baseOffset == 80)
    }

    @Test func aRefusedAppendLeavesTheStateAsItWas() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        _ = try log.append(batch(0), now: fixture.now)
        fixture.directory.commitNow()
        fixture.disk.setCapacity(0)
        #expect(throws: LogError.self) { try log.append(batch(1), now: fixture.now) }
        fixture.disk.setCapacity(nil)
        let again = try log.append(batch(1), now: fixture.now)
        #expect(!again.isDuplicate && again.baseOffset == 1)
    }

    @Test func producerIDsAreNeverGivenTwice() throws {
        var fixture = try LogFixture()
        var seen: Set<Int64> = []
        for round in 0..<6 {
            for _ in 0..<(round == 2 ? 1500 : 3) {
                #expect(seen.insert(try fixture.directory.nextProducerID()).inserted)
            }
            if round % 2 == 0 { fixture.disk.powerCut() } else { fixture.disk.kill() }
            try fixture.reopen()
        }
    }
}
