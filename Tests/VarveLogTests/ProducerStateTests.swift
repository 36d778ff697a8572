import Testing
import VarvePlatform
import VarveRecords
import VarveSimulation

@testable import VarveLog

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

    @Test func producersAreListedWithTheSequenceThatIsNext() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        #expect(log.activeProducers.isEmpty)
        #expect(log.nextSequence(of: 9, epoch: 0) == 0)
        _ = try log.append(batch(0, count: 3), now: fixture.now)
        _ = try log.append(batch(0, epoch: 2, producer: 4), now: fixture.now)
        let listed = log.activeProducers
        #expect(listed.map(\.producerID) == [4, 9] && listed.map(\.epoch) == [2, 0])
        #expect(listed.map(\.lastSequence) == [0, 2])
        #expect(listed.allSatisfy { $0.transactionStart == nil && $0.coordinatorEpoch == -1 })
        #expect(log.nextSequence(of: 9, epoch: 0) == 3)
        // A new epoch begins anew.
        #expect(log.nextSequence(of: 9, epoch: 1) == 0)
        #expect(log.nextSequence(of: 4, epoch: 2) == 1)
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

    @Test func aNewEpochsBatchIsNoRetryOfOneOfTheEpochBefore() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        for epoch in Int16(0)..<3 {
            for sequence in Int32(0)..<3 {
                let result = try log.append(batch(sequence, epoch: epoch), now: fixture.now)
                #expect(!result.isDuplicate, "epoch \(epoch) sequence \(sequence)")
            }
        }
        #expect(log.endOffset == 9)
        #expect(try log.append(batch(1, epoch: 2), now: fixture.now).baseOffset == 7)
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
        // What is written ahead takes a few.
        var next: Int32 = 1
        let refusal = #expect(throws: LogError.self) {
            while next < 1000 {
                _ = try log.append(batch(next), now: fixture.now)
                next += 1
            }
        }
        guard case .full = try #require(refusal) else { throw refusal! }
        fixture.disk.setCapacity(nil)
        let again = try log.append(batch(next), now: fixture.now)
        #expect(!again.isDuplicate && again.baseOffset == Int64(next))
    }

    @Test func aRetryIsAcknowledgedWhenItsBatchIsDurable() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        _ = try log.append(batch(0), now: fixture.now)
        let again = try log.append(batch(0), now: fixture.now)
        #expect(again.isDuplicate)
        let told = Lock(false)
        log.whenDurable(again) { error in told.withLock { $0 = error == nil } }
        #expect(!told.withLock { $0 }, "a power cut could still take the batch")
        // The power cut comes first: the retry was told nothing, and finds no batch.
        fixture.disk.powerCut(keep: 0)
        try fixture.reopen()
        #expect(!told.withLock { $0 })
        #expect(try !fixture.log.append(batch(0), now: fixture.now).isDuplicate)
        let third = try fixture.log.append(batch(0), now: fixture.now)
        fixture.log.whenDurable(third) { error in
            told.withLock { $0 = error == nil }
        }
        fixture.directory.commitNow()
        #expect(third.isDuplicate && told.withLock { $0 })
    }

    @Test(arguments: [true, false])
    func expiredProducersBeginAnew(ticks: Bool) throws {
        var options = LogFixture.options()
        options.producerExpiryMilliseconds = 700_000
        var fixture = try LogFixture(options: options)
        let log = try fixture.partition()
        _ = try log.append(batch(5), now: fixture.now)
        _ = try log.append(
            Batches.transactional("open", producer: 10, sequence: 0), now: fixture.now)
        fixture.directory.commitNow()
        fixture.directory.tick(now: fixture.now + 700_000)
        #expect(log.producerCount == 2)
        #expect(throws: LogError.self) { try log.append(batch(9), now: fixture.now + 700_000) }
        if ticks {
            fixture.directory.tick(now: fixture.now + 1_400_001)
            #expect(log.producerCount == 1, "a producer with an open transaction stays")
        }
        // Whatever it sends first is taken, also under an older epoch.
        #expect(try !log.append(batch(5), now: fixture.now + 1_400_001).isDuplicate)
        #expect(throws: LogError.self) { try log.append(batch(9), now: fixture.now + 1_400_001) }
        #expect(throws: LogError.self) {
            try log.append(
                Batches.transactional("b", producer: 10, sequence: 7), now: fixture.now + 1_400_001)
        }
    }

    private func header(
        _ producer: Int64, at offset: Int64, isTransactional: Bool = false
    ) throws -> RecordBatchHeader {
        let batch = Batches.batch(
            [[1]], producerID: producer, epoch: 0, sequence: 0,
            attributes: BatchAttributes(isTransactional: isTransactional))
        var header = try batch.withUnsafeBytes { try RecordBatchHeader(parsing: $0) }
        header.baseOffset = offset
        return header
    }

    @Test func inventedProducersTakeBoundedMemory() throws {
        var state = ProducerState()
        let count = ProducerState.producersMax
        for id in 0..<Int64(2 * count) {
            let header = try header(id, at: id, isTransactional: id == 3)
            #expect(try state.check(header, now: id, expiryMilliseconds: 1 << 40) == .next)
            state.note(header, nil, appendTime: id)
            if state.count > count { break }
        }
        #expect(state.count <= count)
        #expect(state.producers[3] != nil, "its transaction is open")
        #expect(state.producers[0] == nil && state.producers[Int64(2 * count) - 1] != nil)
        #expect(state.firstOpenOffset == 3)
    }

    @Test func moreOpenTransactionsThanTheBoundAreRefused() throws {
        var state = ProducerState()
        let count = ProducerState.producersMax
        for id in 0..<Int64(count) {
            state.note(try header(id, at: id, isTransactional: true), nil, appendTime: id)
        }
        let one = try header(Int64(count), at: Int64(count))
        #expect(throws: LogError.tooManyTransactions(countMax: count)) {
            try state.check(one, now: 0, expiryMilliseconds: 1 << 40)
        }
        #expect(throws: LogError.tooManyTransactions(countMax: count)) {
            try state.check(
                TransactionMarker(isCommit: true, coordinatorEpoch: 0), producerID: Int64(count),
                epoch: 0)
        }
        let marker = TransactionMarker(isCommit: true, coordinatorEpoch: 0)
            .batch(producerID: 5, producerEpoch: 0, timestamp: 0)
        var end = try marker.withUnsafeBytes { try RecordBatchHeader(parsing: $0) }
        end.baseOffset = Int64(count)
        let ended = state.note(
            end, TransactionMarker(isCommit: true, coordinatorEpoch: 0), appendTime: 0)
        #expect(ended?.firstOffset == 5)
        #expect(try state.check(one, now: 0, expiryMilliseconds: 1 << 40) == .next)
        #expect(ProducerState(state.bytes)?.openTransactions == state.openTransactions)
    }

    @Test func allPartitionsTogetherRememberNoMoreThanTheBound() throws {
        var options = LogFixture.options()
        options.producersMax = 50
        let fixture = try LogFixture(options: options)
        let logs = try fixture.directory.createTopic("many", partitions: 3, now: fixture.now)
            .partitions
        for (log, count) in zip(logs, [60, 10, 30]) {
            for id in 0..<Int64(count) {
                _ = try log.append(batch(0, producer: id), now: fixture.now + id)
            }
        }
        fixture.directory.tick(now: fixture.now)
        #expect(logs.map(\.producerCount) == [20, 10, 20], "who has few keeps them")
        #expect(try logs[0].append(batch(0, producer: 59), now: fixture.now).isDuplicate)
        #expect(try !logs[0].append(batch(0, producer: 39), now: fixture.now).isDuplicate)
    }

    @Test(arguments: [0, 100], ["retention", "trim"])
    func stateOutlivesTheBatchesItCameFrom(keep: Int, how: String) throws {
        var fixture = try LogFixture()
        let log = try fixture.partition(["retention.ms": "10000", "segment.bytes": "1024"])
        for sequence in Int32(0)..<30 { _ = try log.append(batch(sequence), now: fixture.now) }
        _ = try log.append(
            Batches.transactional("open", producer: 10, sequence: 0), now: fixture.now)
        fixture.directory.commitNow()
        // More that is not sealed when everything goes.
        for sequence in Int32(30)..<33 { _ = try log.append(batch(sequence), now: fixture.now) }
        fixture.directory.commitNow()
        if how == "retention" {
            #expect(!fixture.directory.applyRetention(now: fixture.now + 60_000).isEmpty)
        } else {
            #expect(try log.trim(to: -1, now: fixture.now) == 34)
        }
        #expect(log.startOffset == 34)
        fixture.disk.powerCut(keep: keep)
        try fixture.reopen()
        #expect(try fixture.log.append(batch(32), now: fixture.now).isDuplicate)
        #expect(try fixture.log.append(batch(28), now: fixture.now).isDuplicate)
        #expect(throws: LogError.self) { try fixture.log.append(batch(40), now: fixture.now) }
        #expect(try !fixture.log.append(batch(33), now: fixture.now).isDuplicate)
        #expect(throws: LogError.invalidTransactionState(producerID: 10)) {
            try fixture.log.append(batch(1, producer: 10), now: fixture.now)
        }
        fixture.directory.commitNow()
        #expect(fixture.log.lastStableOffset == 34, "not before the start")
        try fixture.log.end(10, commit: false)
        fixture.directory.commitNow()
        #expect(fixture.log.lastStableOffset == 36)
    }

    @Test func aDamagedSnapshotIsBuiltAnewFromTheLog() throws {
        var fixture = try LogFixture()
        var log = try fixture.partition(["segment.bytes": "1024"])
        for sequence in Int32(0)..<30 { _ = try log.append(batch(sequence), now: fixture.now) }
        fixture.directory.commitNow()
        try fixture.directory.close(now: fixture.now)
        let snapshots = fixture.disk.allFiles.filter { $0.hasSuffix(".producers") }
        #expect(snapshots.count > 2)
        for path in snapshots {
            let good = fixture.disk.contents(path)!
            for at in stride(from: 0, to: good.count, by: 3) {
                var bytes = good
                bytes[at] ^= 0x10
                #expect(ProducerState(ByteSlice(bytes)) == nil, "byte \(at)")
            }
            fixture.disk.setContents(path, Array(good.dropLast()))
        }
        fixture.disk.kill()
        try fixture.reopen()
        log = fixture.log
        #expect(try log.append(batch(29), now: fixture.now).isDuplicate)
        #expect(try log.append(batch(25), now: fixture.now).isDuplicate)
        #expect(throws: LogError.self) { try log.append(batch(31), now: fixture.now) }
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
