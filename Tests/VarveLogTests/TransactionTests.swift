import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

extension Batches {
    /// A batch of one record inside a transaction.
    static func transactional(
        _ value: String, producer: Int64, epoch: Int16 = 0, sequence: Int32, key: String? = nil
    ) -> ByteSlice {
        batch(
            [Array(value.utf8)], key: key, producerID: producer, epoch: epoch, sequence: sequence,
            attributes: BatchAttributes(isTransactional: true))
    }
}

extension PartitionLog {
    @discardableResult
    func end(
        _ producer: Int64, commit: Bool, epoch: Int16 = 0, coordinatorEpoch: Int32 = 0,
        now: Int64 = 1_767_225_600_000
    ) throws -> AppendResult {
        try appendMarker(
            TransactionMarker(isCommit: commit, coordinatorEpoch: coordinatorEpoch),
            producerID: producer, epoch: epoch, now: now)
    }

    /// The values that a reader of committed records gets, in order.
    func committedValues(from offset: Int64? = nil, bytesMax: Int = 4000) throws -> [String] {
        try committedRecords(from: offset, bytesMax: bytesMax).sorted { $0.key < $1.key }
            .map(\.value)
    }

    /// What a reader of committed records gets, by offset, as Kafka's consumers find it: read
    /// below the last stable offset, drop what the aborted list says until the marker.
    func committedRecords(
        from offset: Int64? = nil, bytesMax: Int = 4000
    ) throws -> [Int64: String] {
        var values: [Int64: String] = [:]
        var next = offset ?? startOffset
        while true {
            let result = try read(from: next, bytesMax: bytesMax, below: lastStableOffset)
            if result.batches.isEmpty { return values }
            var list = try abortedTransactions(from: next, to: result.nextOffset)
                .sorted { $0.firstOffset < $1.firstOffset }[...]
            var dropped: Set<Int64> = []
            for (header, bytes) in RecordBatch.batches(in: result.batches) {
                while let first = list.first, first.firstOffset <= header.lastOffset {
                    dropped.insert(first.producerID)
                    list.removeFirst()
                }
                if header.attributes.isControl {
                    let marker = bytes.withUnsafeBytes { TransactionMarker(controlBatch: $0) }
                    if marker?.isCommit == false { dropped.remove(header.producerID) }
                } else if !header.attributes.isTransactional
                    || !dropped.contains(header.producerID)
                {
                    for record in try RecordBatch.records(in: bytes) where record.offset >= next {
                        values[record.offset] = record.value?.string ?? "null"
                    }
                }
            }
            next = result.nextOffset
        }
    }
}

/// Transactions as the log sees them (KIP-98).
@Suite struct TransactionTests {
    private func transactional(
        _ value: String, _ producer: Int64, _ sequence: Int32, epoch: Int16 = 0
    ) -> ByteSlice {
        Batches.transactional(value, producer: producer, epoch: epoch, sequence: sequence)
    }

    @Test func anOpenTransactionHoldsTheLastStableOffset() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        let now = fixture.now
        try fixture.append(["plain"])
        _ = try log.append(transactional("a0", 1, 0), now: now)
        _ = try log.append(transactional("b0", 2, 0), now: now)
        _ = try log.append(transactional("a1", 1, 1), now: now)
        #expect(log.lastStableOffset == 0, "nothing is durable")
        fixture.directory.commitNow()
        #expect(log.lastStableOffset == 1 && log.durableEnd == 4)
        try log.end(1, commit: true)
        #expect(log.lastStableOffset == 1)
        fixture.directory.commitNow()
        #expect(log.lastStableOffset == 2, "producer 2's is open")
        try log.end(2, commit: false)
        fixture.directory.commitNow()
        #expect(log.lastStableOffset == 6)
        #expect(try log.read(from: 0, bytesMax: 9999).lastStableOffset == 6)
        #expect(try log.committedValues() == ["plain", "a0", "a1"])
        #expect(
            try log.abortedTransactions(from: 0, to: 6) == [
                AbortedTransaction(
                    producerID: 2, firstOffset: 2, lastOffset: 5, lastStableOffset: 6)
            ])
        #expect(try log.abortedTransactions(from: 0, to: 2).isEmpty)
        #expect(try log.abortedTransactions(from: 6, to: 9).isEmpty)
        #expect(throws: Never.self) { try log.append(transactional("a2", 1, 2), now: now) }
    }

    @Test func aTransactionIsOpenUntilItsMarkerIsDurable() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        _ = try log.append(transactional("a", 1, 0), now: fixture.now)
        _ = try log.append(transactional("b", 2, 0), now: fixture.now)
        fixture.directory.commitNow()
        try log.end(2, commit: true)
        try log.end(1, commit: false)
        #expect(log.lastStableOffset == 0, "a power cut could take the markers back")
        #expect(try log.committedValues().isEmpty)
        #expect(try log.abortedTransactions(from: 0, to: 4).isEmpty)
        fixture.disk.powerCut(keep: 0)
        try fixture.reopen()
        #expect(fixture.log.endOffset == 2 && fixture.log.lastStableOffset == 0)
        try fixture.log.end(1, commit: true)
        fixture.directory.commitNow()
        #expect(fixture.log.lastStableOffset == 1)
        #expect(try fixture.log.committedValues() == ["a"])
    }

    @Test func theMarkerIsKafkasToTheByte() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        try log.end(258, commit: true, epoch: 3, coordinatorEpoch: 7, now: 1_600_000_000_000)
        // Written down by hand after ControlRecordType and EndTxnMarker.json.
        let golden =
            "0000000000000000" + "00000042" + "00000000" + "02" + "XXXXXXXX" + "0030" + "00000000"
            + "00000174876e8000" + "00000174876e8000" + "0000000000000102" + "0003" + "ffffffff"
            + "00000001" + "20" + "00" + "00" + "00" + "08" + "00000001" + "0c"
            + "000000000007" + "00"
        let bytes = try fixture.batchBytes(0)
        let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(hex.prefix(34) == golden.prefix(34) && hex.dropFirst(42) == golden.dropFirst(42))
        fixture.directory.commitNow()
        let (header, batch) = try #require(try log.everything().first)
        #expect(header.attributes.isControl && header.attributes.isTransactional)
        #expect(
            batch.withUnsafeBytes { TransactionMarker(controlBatch: $0) }
                == TransactionMarker(isCommit: true, coordinatorEpoch: 7))
        #expect(try RecordBatch.records(in: batch).count == 1)
    }

    @Test func staleEpochsAndCoordinatorsAreFenced() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        let now = fixture.now
        _ = try log.append(transactional("a", 1, 0, epoch: 4), now: now)
        #expect(
            throws: LogError.invalidProducerEpoch(producerID: 1, current: 4, found: 3)
        ) { try log.end(1, commit: true, epoch: 3) }
        // The coordinator fences with the next epoch; what the old producer sends is refused.
        try log.end(1, commit: false, epoch: 5, coordinatorEpoch: 8)
        #expect(
            throws: LogError.invalidProducerEpoch(producerID: 1, current: 5, found: 4)
        ) { try log.append(transactional("b", 1, 1, epoch: 4), now: now) }
        #expect(
            throws: LogError.coordinatorFenced(current: 8, found: 7)
        ) { try log.end(1, commit: true, epoch: 5, coordinatorEpoch: 7) }
        #expect(
            throws: LogError.outOfOrderSequence(producerID: 1, expected: 0, found: 1)
        ) { try log.append(transactional("b", 1, 1, epoch: 5), now: now) }
        _ = try log.append(transactional("b", 1, 0, epoch: 5), now: now)
        #expect(
            throws: LogError.invalidTransactionState(producerID: 1)
        ) {
            try log.append(
                Batches.batch([[1]], producerID: 1, epoch: 5, sequence: 1), now: now)
        }
        try log.end(1, commit: true, epoch: 5, coordinatorEpoch: 8)
        _ = try log.append(
            Batches.batch([[1]], producerID: 1, epoch: 5, sequence: 1), now: now)
        fixture.directory.commitNow()
        #expect(log.lastStableOffset == log.durableEnd)
    }

    @Test func retriesInsideATransactionAreRecognised() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        _ = try log.append(transactional("a", 1, 0), now: fixture.now)
        #expect(try log.append(transactional("a", 1, 0), now: fixture.now).isDuplicate)
        try log.end(1, commit: true)
        // Also behind the marker: nothing is opened by it.
        #expect(try log.append(transactional("a", 1, 0), now: fixture.now).isDuplicate)
        fixture.directory.commitNow()
        #expect(log.lastStableOffset == 2)
    }

    @Test func aTransactionalBatchNeedsAProducerAndClientsWriteNoMarkers() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        #expect(throws: LogError.self) {
            try log.append(
                Batches.batch([[1]], attributes: BatchAttributes(isTransactional: true)),
                now: fixture.now)
        }
        let marker = TransactionMarker(isCommit: true, coordinatorEpoch: 0)
            .batch(producerID: 1, producerEpoch: 0, timestamp: fixture.now)
        #expect(throws: LogError.invalidRecord("a control batch from a client")) {
            try log.append(marker, now: fixture.now)
        }
        #expect(log.endOffset == 0)
    }

    /// Two producers over many small segments; one commits, one aborts.
    private func interleaved(_ fixture: inout LogFixture, rounds: Int = 12) throws -> [String] {
        let log = try fixture.partition(["segment.bytes": "1024"])
        var expected: [String] = []
        for round in 0..<rounds {
            for step in Int32(0)..<3 {
                let value = "\(round).\(step)"
                let sequence = Int32(round) * 3 + step
                _ = try log.append(transactional("a" + value, 1, sequence), now: fixture.now)
                _ = try log.append(transactional("b" + value, 2, sequence), now: fixture.now)
                expected.append((round % 2 == 0 ? "b" : "a") + value)
            }
            try log.end(1, commit: round % 2 == 1)
            try log.end(2, commit: round % 2 == 0)
            if round % 3 == 0 { fixture.directory.commitNow() }
        }
        fixture.directory.commitNow()
        return expected
    }

    @Test(arguments: [
        "clean", "killed", "power cut", "no producers", "no indexes", "damaged indexes",
        "clean, no indexes", "verified",
    ])
    func abortedRecordsStayHidden(how: String) throws {
        var fixture = try LogFixture()
        let expected = try interleaved(&fixture)
        _ = try fixture.log.append(transactional("open", 3, 0), now: fixture.now)
        fixture.directory.commitNow()
        let open = fixture.log.durableEnd - 1
        if how.hasPrefix("clean") { try fixture.directory.close(now: fixture.now) }
        if how == "power cut" { fixture.disk.powerCut() } else { fixture.disk.kill() }
        for path in fixture.disk.allFiles {
            if how == "no producers", path.hasSuffix(".producers") { fixture.disk.erase(path) }
            guard path.hasSuffix("index") else { continue }
            if how.hasSuffix("no indexes") { fixture.disk.erase(path) }
            if how == "damaged indexes", var bytes = fixture.disk.contents(path), bytes.count > 0 {
                bytes[bytes.count / 2] ^= 1
                fixture.disk.setContents(path, bytes)
            }
        }
        try fixture.reopen()
        if how == "clean" { #expect(fixture.report.bytesScanned == 0 && fixture.report.wasClean) }
        if how == "verified" {
            _ = try fixture.log.reopen(now: fixture.now, readsEverything: true)
        }
        let log = fixture.log
        #expect(log.lastStableOffset == open)
        for bytesMax in [1, 300, 1500, 1 << 20] {
            #expect(try log.committedValues(bytesMax: bytesMax) == expected, "\(bytesMax)")
        }
        let start = try log.abortedTransactions(from: 0, to: open)
        #expect(start.count == 12)
        try log.end(3, commit: true)
        fixture.directory.commitNow()
        #expect(try log.committedValues() == expected + ["open"])
        #expect(try log.append(transactional("last", 1, 35), now: fixture.now).isDuplicate)
        #expect(try !log.append(transactional("next", 1, 36), now: fixture.now).isDuplicate)
    }

    // MARK: Compaction

    private func keyed(
        _ value: String, _ producer: Int64, _ sequence: Int32, key: String
    ) -> ByteSlice {
        Batches.transactional(value, producer: producer, sequence: sequence, key: key)
    }

    private func compacting(_ fixture: inout LogFixture) throws -> PartitionLog {
        try fixture.partition([
            "cleanup.policy": "compact", "segment.bytes": "1024", "index.interval.bytes": "100",
        ])
    }

    private func rawValues(_ log: PartitionLog) throws -> [String] {
        try log.everything().filter { !$0.header.attributes.isControl }
            .flatMap { try RecordBatch.records(in: $0.bytes) }.map { $0.value!.string }
    }

    @Test(arguments: ["running", "clean", "power cut", "no indexes"])
    func compactionDropsAbortedRecordsAndNothingForTheirSake(how: String) throws {
        var fixture = try LogFixture()
        let log = try compacting(&fixture)
        // The aborted record of a key always comes behind the committed one.
        for round in Int32(0)..<30 {
            let key = "k\(round % 5)"
            _ = try log.append(keyed("good\(round)", 1, round, key: key), now: fixture.now)
            try log.end(1, commit: true)
            _ = try log.append(keyed("bad\(round)", 2, round, key: key), now: fixture.now)
            try log.end(2, commit: false)
        }
        _ = try log.append(keyed("open", 3, 0, key: "k0"), now: fixture.now)
        fixture.directory.commitNow()
        let before = try log.committedValues()
        #expect(before.count == 30)
        let result = try log.compact(now: fixture.now, memoryMax: 1 << 20)
        #expect(result.passes == 1 && result.recordsRemoved > 30)
        if how == "clean" { try fixture.directory.close(now: fixture.now) }
        if how == "power cut" { fixture.disk.powerCut() } else if how != "running" {
            fixture.disk.kill()
        }
        if how == "no indexes" {
            for path in fixture.disk.allFiles where path.hasSuffix("index") {
                fixture.disk.erase(path)
            }
        }
        if how != "running" { try fixture.reopen() }
        for log in [how == "running" ? log : fixture.log] {
            let after = try log.committedValues()
            for round in 25..<30 { #expect(after.contains("good\(round)")) }
            #expect(after == before.filter(after.contains), "in order, and nothing new")
            // What is left of aborted ones stands behind the closed segments.
            let raw = try rawValues(log)
            #expect(raw.filter { $0.hasPrefix("bad") }.count < 6, "\(raw)")
            #expect(log.lastStableOffset == log.durableEnd - 1)
            for bytesMax in [1, 500] {
                #expect(try log.committedValues(bytesMax: bytesMax) == after)
            }
        }
    }

    @Test func compactionWaitsForAnOpenTransaction() throws {
        var fixture = try LogFixture()
        let log = try compacting(&fixture)
        _ = try log.append(keyed("open", 3, 0, key: "k"), now: fixture.now)
        for round in Int32(0)..<30 {
            _ = try log.append(keyed("v\(round)", 1, round, key: "k"), now: fixture.now)
            try log.end(1, commit: true)
        }
        fixture.directory.commitNow()
        #expect(try log.compact(now: fixture.now, memoryMax: 1 << 20).passes == 0)
        try log.end(3, commit: false)
        fixture.directory.commitNow()
        #expect(try log.compact(now: fixture.now, memoryMax: 1 << 20).passes == 1)
        #expect(try log.committedValues().last == "v29")
        #expect(try !rawValues(log).contains("open"))
    }
}
