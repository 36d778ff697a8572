import Testing
import VarvePlatform
import VarveRecords
import VarveSimulation

@Suite struct RecordBatchTests {
    @Test(arguments: CapturedBatch.all)
    func batchesOfOtherClientsReadBack(_ captured: CapturedBatch) throws {
        guard captured.codec.isBuiltIn else { return }
        let header = try captured.bytes.withUnsafeBytes { try RecordBatchHeader.verified($0) }
        #expect(header.attributes.codec == captured.codec)
        #expect(header.recordCount == 5)
        #expect(header.maxTimestamp == 1_700_000_000_004)
        #expect(try RecordBatch.records(in: captured.bytes) == CapturedBatch.records)
    }

    /// Without a codec there is one way to write these records, so ours must be kafka-python's to
    /// the byte, but for the leader epoch (-1 here, 0 there), which no checksum covers.
    @Test func ourBytesAreTheBytesOfOtherClients() throws {
        let captured = try #require(CapturedBatch.all.first { $0.codec == .none })
        var builder = RecordBatchBuilder()
        for record in CapturedBatch.records { builder.append(record) }
        #expect(builder.byteCount == captured.bytes.count)
        var ours = try builder.finish().array
        var theirs = captured.bytes.array
        ours.replaceSubrange(12..<16, with: [0, 0, 0, 0])
        theirs.replaceSubrange(12..<16, with: [0, 0, 0, 0])
        #expect(ours == theirs)
        #expect(builder.recordCount == 0)
    }

    @Test(arguments: CompressionCodec.allCases)
    func recordsSurviveEveryCodec(_ codec: CompressionCodec) throws {
        guard codec.isBuiltIn else { return }
        var random = Generator("recordsSurviveEveryCodec.\(codec)")
        for _ in 0..<15 {
            let records = Self.randomRecords(&random)
            var builder = RecordBatchBuilder(codec: codec)
            for record in records { builder.append(record) }
            let batch = try builder.finish(
                baseOffset: 1000, producerID: 7, producerEpoch: 2, baseSequence: 5)
            let header = try batch.withUnsafeBytes { try RecordBatchHeader.verified($0) }
            #expect(header.producerID == 7 && header.producerEpoch == 2)
            #expect(header.baseSequence == 5 && header.lastOffset == 999 + Int64(records.count))
            #expect(header.maxTimestamp == records.map(\.timestamp).max())
            #expect(try RecordBatch.records(in: batch) == records)
        }
    }

    @Test func appendTimeReplacesTheRecordsOwn() throws {
        var builder = RecordBatchBuilder(attributes: BatchAttributes(usesAppendTime: true))
        builder.append(timestamp: 100, key: nil, value: "a")
        builder.append(timestamp: 300, key: nil, value: "b")
        builder.append(timestamp: 200, key: nil, value: "c")
        let batch = try builder.finish()
        #expect(try RecordBatch.records(in: batch).map(\.timestamp) == [300, 300, 300])
    }

    @Test func offsetsKeepTheHolesThatCompactionLeaves() throws {
        var builder = RecordBatchBuilder()
        for delta in [0, 3, 9] as [Int32] {
            builder.append(timestamp: 1, key: "k", value: "v", headers: [], offsetDelta: delta)
        }
        let batch = try builder.finish(baseOffset: 50)
        #expect(try RecordBatch.records(in: batch).map(\.offset) == [50, 53, 59])
    }

    @Test func controlRecordsSayTheirType() {
        #expect(ControlType(key: ByteSlice([0, 0, 0, 0])) == .abort)
        #expect(ControlType(key: ByteSlice([0, 0, 0, 1])) == .commit)
        #expect(ControlType(key: ByteSlice([0, 0, 0, 2])) == nil)
        #expect(ControlType(key: ByteSlice([0, 0, 0])) == nil)
        #expect(ControlType(key: nil) == nil)
    }

    @Test func partialBatchAtTheEndIsDroppedAndNamed() throws {
        let batch = CapturedBatch.all[0].bytes
        var writer = ByteWriter()
        writer.bytes(batch)
        writer.bytes(batch)
        writer.bytes(batch[0..<batch.count - 1])
        let (batches, stop) = RecordBatch.split(writer.finish())
        #expect(batches.map(\.bytes) == [batch, batch])
        #expect(stop == .truncated(needed: batch.count, available: batch.count - 1))
        #expect(RecordBatch.batches(in: batch[0..<60]).isEmpty)
        #expect(RecordBatch.split(ByteSlice()).stop == nil)
    }

    @Test func emptyBatchIsNotWritten() {
        var builder = RecordBatchBuilder()
        #expect(throws: RecordError.inconsistent("a batch without a record")) {
            _ = try builder.finish()
        }
    }

    static func randomRecords(_ random: inout Generator) -> [Record] {
        func bytes(_ random: inout Generator, max: Int) -> ByteSlice? {
            if random.below(5) == 0 { return nil }
            // Half of it repeats, so that the codecs find something to do.
            let count = random.below(max + 1)
            return ByteSlice(
                (0..<count).map { _ in UInt8(random.below(random.below(2) * 255 + 1)) })
        }
        let base = Int64(random.below(1 << 40))
        return (0..<1 + random.below(30)).map { index in
            Record(
                offset: 1000 + Int64(index), timestamp: base + Int64(random.below(2000)) - 1000,
                key: bytes(&random, max: 20), value: bytes(&random, max: 70_000 / (index + 1)),
                headers: (0..<random.below(3)).map {
                    RecordHeader(name: "h\($0)", value: bytes(&random, max: 9))
                })
        }
    }
}

extension RecordBatchBuilder {
    mutating func append(_ record: Record) {
        append(
            timestamp: record.timestamp, key: record.key, value: record.value,
            headers: record.headers)
    }
}
