import Testing
import VarvePlatform
import VarveRecords
import VarveSimulation

@testable import VarveLog

/// A log of keys and values, compacted step by step.
struct CompactionFixture {
    var base: LogFixture
    var log: PartitionLog { base.log }

    init(_ overrides: [String: String] = [:], seed: UInt64 = 1) throws {
        base = try LogFixture(seed: seed)
        _ = try base.partition(
            [
                "cleanup.policy": "compact", "segment.bytes": "1024",
                "min.cleanable.dirty.ratio": "0.01", "index.interval.bytes": "100",
            ].merging(overrides) { $1 })
    }

    /// One batch; a nil value is a tombstone.
    @discardableResult
    mutating func put(
        _ pairs: [(String, String?)], codec: CompressionCodec = .none, producerID: Int64 = -1,
        sequence: Int32 = -1, timestamp: Int64? = nil
    ) throws -> Int64 {
        var builder = RecordBatchBuilder(codec: codec)
        for (key, value) in pairs {
            builder.append(
                timestamp: timestamp ?? base.now, key: ByteSlice(key),
                value: value.map { ByteSlice($0) },
                headers: [RecordHeader(name: "h", value: ByteSlice(key))])
        }
        let batch = try builder.finish(
            producerID: producerID, producerEpoch: producerID < 0 ? -1 : 0, baseSequence: sequence)
        base.now += 1
        return try log.append(batch, now: base.now).baseOffset
    }

    /// Closes the active segment, so that what it holds can be compacted.
    mutating func roll() throws {
        base.directory.commitNow()
        try log.state.withLock { (state) throws(LogError) in
            try log.loadActiveIndexes(of: &state)
            try log.roll(&state)
            state.needsMark = true
            state.isQueued = true
        }
        log.store.commit.submit(log)
        base.directory.commitNow()
    }

    @discardableResult
    func compact(memoryMax: Int = 1 << 16) throws -> CompactionResult {
        try log.compact(now: base.now, memoryMax: memoryMax)
    }

    func records() throws -> [Record] {
        try log.everything().flatMap { try RecordBatch.records(in: $0.bytes) }
    }

    func text() throws -> String {
        try records().map { "\($0.offset) \($0.key!.string)=\($0.value?.string ?? "null")" }
            .joined(separator: ", ")
    }
}

@Suite struct CompactionTests {
    @Test func hashesAreTheReferenceCodes() {
        let hasher = KeyHasher(secret0: 0x0706_0504_0302_0100, secret1: 0x0f0e_0d0c_0b0a_0908)
        func hex(_ count: UInt8) -> String {
            let hash = hasher.hash(ByteSlice((0..<count).map { $0 }))
            return [hash.low, hash.high].map { word in
                (0..<8).map { String((word >> (8 * $0)) & 0xff | 0x100, radix: 16).dropFirst() }
                    .joined()
            }.joined()
        }
        #expect(hex(0) == "a3817f04ba25a8e66df67214c7550293")
        #expect(hex(1) == "da87c1d86b99af44347659119b22fc45")
    }

    @Test func theMapKeepsTheLastOffsetOfEachKeyUntilItIsFull() {
        let map = OffsetMap(bytesMax: 24 * 100, keysExpected: 1000)
        #expect(map.keysMax == 90)
        for round in 0..<2 {
            for key in 0..<90 {
                #expect(map.put(ByteSlice("key \(key)"), Int64(round * 1000 + key)))
            }
        }
        #expect(!map.put("one more", 5000))
        for key in 0..<90 {
            #expect(map.lastOffset(of: ByteSlice("key \(key)")) == Int64(1000 + key))
        }
        #expect(map.lastOffset(of: "one more") == nil)
        #expect(map.put("key 3", 6000), "a key that is there always has room")
        #expect(OffsetMap(bytesMax: 1 << 30, keysExpected: 10).keysMax < 20)
    }

    @Test(arguments: CompressionCodec.allCases.filter(\.isBuiltIn))
    func theLastRecordOfEachKeyStaysAtItsOffset(codec: CompressionCodec) throws {
        var fixture = try CompactionFixture()
        try fixture.put([("a", "1"), ("b", "1"), ("c", "1")], codec: codec)
        try fixture.put([("a", "2"), ("b", "2")], codec: codec)
        try fixture.put([("a", "3")], codec: codec)
        try fixture.roll()
        try fixture.put([("c", "active")], codec: codec)
        fixture.base.directory.commitNow()
        let before = try fixture.records()
        let result = try fixture.compact()
        #expect(try fixture.text() == "2 c=1, 4 b=2, 5 a=3, 6 c=active")
        #expect(result.recordsRemoved == 3 && result.passes == 1)
        let after = try fixture.records()
        for record in after { #expect(before.contains(record)) }
        let headers = try fixture.log.everything().map(\.header)
        #expect(headers.map(\.baseOffset) == [0, 3, 5, 6])
        #expect(headers.map(\.lastOffset) == [2, 4, 5, 6])
        #expect(headers.allSatisfy { $0.attributes.codec == codec })
        for offset in 0...6 {
            #expect(
                try fixture.log.read(from: Int64(offset), bytesMax: 1).batches.count > 0)
        }
        try fixture.base.restart()
        #expect(fixture.base.report.wasClean && fixture.base.report.bytesScanned == 0)
        #expect(try fixture.text() == "2 c=1, 4 b=2, 5 a=3, 6 c=active")
        fixture.base.disk.powerCut(keep: 0)
        try fixture.base.reopen()
        #expect(fixture.base.report.damages.isEmpty)
        #expect(try fixture.text() == "2 c=1, 4 b=2, 5 a=3, 6 c=active")
    }

    @Test func segmentsThatGotSmallAreMerged() throws {
        var fixture = try CompactionFixture()
        for round in 0..<100 {
            try fixture.put([("key \(round % 5)", String(repeating: "v", count: 200))])
        }
        try fixture.roll()
        let segments = fixture.log.state.withLock { $0.segments.count }
        #expect(segments > 20)
        try fixture.compact()
        try fixture.put([("key 0", "more")])
        try fixture.roll()
        try fixture.compact()
        try fixture.put([("key 0", "more")])
        try fixture.roll()
        try fixture.compact()
        let left = fixture.log.state.withLock { $0.segments.map(\.byteCount) }
        #expect(left.count <= 4, "\(left)")
        #expect(left.allSatisfy { $0 <= 1024 })
        let text = try fixture.records().map { "\($0.offset) \($0.key!.string)" }
        #expect(text == ["96 key 1", "97 key 2", "98 key 3", "99 key 4", "101 key 0"])
        for offset in Int64(0)...101 {
            let found = try fixture.log.read(from: offset, bytesMax: 1)
            let first = RecordBatch.batches(in: found.batches)[0].header.lastOffset
            #expect(first == max(96, offset == 100 ? 101 : offset))
        }
        let names = fixture.base.disk.allFiles.filter { $0.contains("/events/0/") }
        #expect(!names.contains { $0.hasSuffix(".tmp") || $0.hasSuffix(".swap") }, "\(names)")
        #expect(names.filter { $0.hasSuffix(".log") }.count == left.count)
        try fixture.base.restart()
        #expect(fixture.base.report.wasClean && fixture.base.report.bytesScanned == 0)
        #expect(try fixture.records().count == 5)
    }

    @Test func tombstonesStayForTheirTimeAndThenGo() throws {
        var fixture = try CompactionFixture(["delete.retention.ms": "10000"])
        try fixture.put([("a", "1"), ("b", "1")])
        try fixture.put([("a", nil), ("b", "2")])
        try fixture.roll()
        try fixture.compact()
        #expect(try fixture.text() == "2 a=null, 3 b=2")
        let header = try fixture.log.everything()[0].header
        #expect(header.deleteHorizon == fixture.base.now + 10_000)
        #expect(try fixture.records()[0].timestamp == fixture.base.now - 1)
        fixture.base.now += 10_000
        #expect(try fixture.log.compactionNeed(now: fixture.base.now)?.isDue == false)
        #expect(try fixture.log.compactionNeed(now: fixture.base.now + 1)?.isDue == true)
        try fixture.base.restart()
        #expect(try fixture.log.compactionNeed(now: fixture.base.now)?.isDue == false)
        #expect(try fixture.log.compactionNeed(now: fixture.base.now + 1)?.isDue == true)
        fixture.base.now += 1
        try fixture.compact()
        #expect(try fixture.text() == "3 b=2")
        #expect(try fixture.log.compactionNeed(now: fixture.base.now + 1)?.isDue == false)
        #expect(fixture.log.startOffset == 0)
    }

    @Test func aProducersLastBatchLeavesItsShell() throws {
        var fixture = try CompactionFixture()
        try fixture.put([("a", "1")], producerID: 7, sequence: 0)
        try fixture.put([("a", "2")], producerID: 7, sequence: 1)
        try fixture.put([("a", "3")])
        try fixture.roll()
        try fixture.compact()
        #expect(try fixture.text() == "2 a=3")
        let headers = try fixture.log.everything().map(\.header)
        #expect(headers.map(\.baseOffset) == [1, 2])
        #expect(headers[0].recordCount == 0 && headers[0].baseSequence == 1)
        #expect(headers[0].producerID == 7)
        // Where the producer state must be built from the log, the shell tells it.
        for name in fixture.base.disk.allFiles where name.hasSuffix(".producers") {
            fixture.base.disk.erase(name)
        }
        try fixture.base.restart()
        for name in fixture.base.disk.allFiles where name.hasSuffix(".producers") {
            fixture.base.disk.erase(name)
        }
        fixture.base.disk.kill()
        try fixture.base.reopen()
        #expect(throws: LogError.self) {
            try fixture.put([("b", "1")], producerID: 7, sequence: 5)
        }
        try fixture.put([("b", "1")], producerID: 7, sequence: 2)
        try fixture.roll()
        try fixture.compact()
        #expect(try fixture.text() == "2 a=3, 3 b=1")
        #expect(try fixture.log.everything().count == 2, "the old shell is not needed any more")
    }

    @Test func aSmallMapTakesSeveralPasses() throws {
        var fixture = try CompactionFixture()
        for round in 0..<3 {
            for key in 0..<40 { try fixture.put([("key \(key)", "\(round)")]) }
        }
        try fixture.roll()
        let result = try fixture.compact(memoryMax: 24 * 10)
        #expect(result.passes > 10)
        #expect(try fixture.records().map(\.offset) == Array(80..<120))
        #expect(try fixture.log.compactionNeed(now: fixture.base.now)?.dirtyBytes == 0)
    }

    @Test func theLagsHoldCompactionBackAndHurryIt() throws {
        var fixture = try CompactionFixture([
            "min.compaction.lag.ms": "5000", "max.compaction.lag.ms": "60000",
            "min.cleanable.dirty.ratio": "1",
        ])
        try fixture.put([("a", "1")])
        try fixture.put([("a", "2")])
        try fixture.roll()
        try fixture.compact()
        #expect(try fixture.records().count == 2, "too young")
        fixture.base.now += 5000
        try fixture.compact()
        #expect(try fixture.records().count == 1)
        try fixture.put([("a", "3")])
        try fixture.roll()
        #expect(
            try fixture.log.compactionNeed(now: fixture.base.now + 59_000)?.isDue == false)
        #expect(
            try fixture.log.compactionNeed(now: fixture.base.now + 61_000)?.isOverdue == true)
        // The active segment is closed in time for that.
        try fixture.put([("a", "4")])
        fixture.base.directory.commitNow()
        let count = fixture.log.state.withLock { $0.segments.count }
        fixture.base.directory.tick(now: fixture.base.now + 60_001)
        #expect(fixture.log.state.withLock { $0.segments.count } == count + 1)
    }

    @Test func whatCannotBeReadStaysWhole() throws {
        var fixture = try CompactionFixture(["delete.retention.ms": "0"])
        // Codec 4 with bytes that are none of its own: as good as a codec that is not built in.
        let odd = Batches.batch([[1, 2, 3]], key: "a")
        let bytes = ByteSlice(filling: odd.count) { buffer in
            odd.withUnsafeBytes { buffer.copyMemory(from: $0) }
            buffer[22] = 4
            let sum = CRC32C.checksum(
                UnsafeRawBufferPointer(rebasing: buffer[RecordBatchHeader.checkedFrom...]))
            buffer.storeBytes(of: sum.bigEndian, toByteOffset: 17, as: UInt32.self)
            return odd.count
        }
        try fixture.base.directory.setConfiguration(
            "events", overrides: ["segment.bytes": "1024"])
        _ = try fixture.log.append(bytes, now: fixture.base.now)
        try fixture.base.directory.setConfiguration(
            "events",
            overrides: [
                "cleanup.policy": "compact", "segment.bytes": "1024", "delete.retention.ms": "0",
            ])
        try fixture.put([("a", "1")])
        try fixture.put([("a", nil)])
        try fixture.roll()
        let result = try fixture.compact()
        #expect(result.unreadableBatches == 1)
        fixture.base.now += 1000
        try fixture.compact()
        let batches = try fixture.log.everything()
        #expect(batches[0].bytes == Batches.stamped(bytes, at: 0))
        #expect(batches.map(\.header.baseOffset) == [0, 2], "the tombstone must outlive it")
        #expect(try fixture.log.compactionNeed(now: fixture.base.now + 1)?.isDue == false)
    }

    @Test func damageIsLeftForRecovery() throws {
        var fixture = try CompactionFixture()
        for round in 0..<4 { try fixture.put([("a", "\(round)")]) }
        try fixture.roll()
        let path = fixture.base.path(0, "log")
        var bytes = fixture.base.disk.contents(path)!
        bytes[70] ^= 1
        fixture.base.disk.setContents(path, bytes)
        #expect(throws: LogError.self) { try fixture.compact() }
        #expect(fixture.base.disk.contents(path)! == bytes)
        #expect(fixture.log.isOnline)
        #expect(try fixture.log.compactionNeed(now: fixture.base.now)?.isDue == false)
        fixture.base.disk.kill()
        try fixture.base.reopen()
        #expect(fixture.base.report.damages.count == 1)
        // What was read anew is sealed first.
        fixture.base.directory.commitNow()
        try fixture.compact()
        #expect(try fixture.text() == "3 a=3")
    }

    @Test func readersInTheMidstGoOn() throws {
        var fixture = try CompactionFixture()
        for round in 0..<60 {
            try fixture.put([("key \(round % 7)", String(repeating: "r", count: 150))])
        }
        try fixture.roll()
        let log = fixture.log
        var read: [Int64] = []
        var next: Int64 = 0
        var calls = 0
        var failure: (any Error)?
        // A reader that goes on while segments change under it.
        _ = try log.compact(now: fixture.base.now, memoryMax: 1 << 16) { _ in
            calls += 1
            guard calls % 3 == 0, next < log.durableEnd else { return true }
            do {
                let found = try log.read(from: next, bytesMax: 300)
                read += RecordBatch.batches(in: found.batches).map(\.header.baseOffset)
                next = found.nextOffset
            } catch {
                failure = error
            }
            return true
        }
        #expect(failure == nil)
        while next < log.durableEnd {
            let found = try log.read(from: next, bytesMax: 300)
            read += RecordBatch.batches(in: found.batches).map(\.header.baseOffset)
            next = found.nextOffset
        }
        #expect(read == read.sorted() && Set(read).count == read.count)
        for offset in Int64(53)..<60 { #expect(read.contains(offset)) }
    }

    @Test func aFullDiskPutsItOff() throws {
        var fixture = try CompactionFixture()
        for round in 0..<30 {
            try fixture.put([("key \(round % 7)", String(repeating: "r", count: 150))])
        }
        try fixture.roll()
        let disk = fixture.base.disk
        let before = try fixture.text()
        let used = disk.allFiles.reduce(0) { $0 + disk.contents($1)!.count }
        disk.setCapacity(used + 100)
        #expect(throws: LogError.self) { try fixture.compact() }
        #expect(fixture.log.isOnline)
        #expect(try fixture.text() == before)
        #expect(!disk.allFiles.contains { $0.hasSuffix(".tmp") })
        disk.setCapacity(nil)
        try fixture.compact()
        #expect(try fixture.records().count == 7)
    }

    @Test func whoWantsAnEndGetsItSoon() throws {
        var fixture = try CompactionFixture()
        for round in 0..<30 { try fixture.put([("key \(round % 7)", "\(round)")]) }
        try fixture.roll()
        var calls = 0
        let result = try fixture.log.compact(now: fixture.base.now, memoryMax: 1 << 16) { _ in
            calls += 1
            return calls < 40
        }
        #expect(result.wasCutShort && calls == 40)
        #expect(!fixture.base.disk.allFiles.contains { $0.hasSuffix(".tmp") })
        #expect(try fixture.records().suffix(7).map(\.offset) == Array(23..<30))
        try fixture.compact()
        #expect(try fixture.records().map(\.offset) == Array(23..<30))
    }
}
