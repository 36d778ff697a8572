import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

@Suite struct PartitionLogTests {
    @Test func appendedBatchIsInvisibleUntilItIsCommitted() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        let result = try fixture.append(["a", "b"])
        #expect(result.baseOffset == 0 && result.lastOffset == 1)
        #expect(log.endOffset == 2 && log.durableEnd == 0)
        let told = Lock<[LogError?]>([])
        log.whenDurable(2) { error in told.withLock { $0.append(error) } }
        #expect(try log.read(from: 0, bytesMax: 1000).batches.isEmpty)
        #expect(told.withLock { $0.isEmpty })
        fixture.directory.commitNow()
        #expect(told.withLock { $0 } == [nil])
        #expect(log.durableEnd == 2)
        #expect(try fixture.values() == ["a", "b"])
    }

    @Test func readsBackByteIdenticalAcrossSegments() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition(["segment.bytes": "4000", "index.interval.bytes": "100"])
        var generator = Generator(seed: 5)
        var expected: [ByteSlice] = []
        for _ in 0..<100 {
            let batch = Batches.random(&generator, timestamp: fixture.now)
            let result = try log.append(batch, now: fixture.now)
            expected.append(Batches.stamped(batch, at: result.baseOffset))
        }
        fixture.directory.commitNow()
        #expect(try log.everything().map(\.bytes) == expected)
        // From every single offset.
        for (index, batch) in expected.enumerated() {
            let header = try batch.withUnsafeBytes { try RecordBatchHeader(parsing: $0) }
            for offset in header.baseOffset...header.lastOffset {
                let read = try log.read(from: offset, bytesMax: 1)
                #expect(read.batches == expected[index], "offset \(offset)")
                #expect(read.nextOffset == header.nextOffset)
            }
        }
        try fixture.restart()
        #expect(fixture.report.wasClean && fixture.report.bytesScanned == 0)
        #expect(try fixture.log.everything().map(\.bytes) == expected)
        fixture.disk.kill()
        try fixture.reopen()
        #expect(try fixture.log.everything().map(\.bytes) == expected)
    }
}
