import Testing
import VarvePlatform
import VarveRecords
import VarveWire

@testable import VarveBroker

/// The records that made a batch be refused are named (KIP-467).
@Suite struct RefusedRecordsTests {
    private func batch(
        _ records: [(time: Int64, key: String?)], codec: CompressionCodec = .none
    ) throws -> ByteSlice {
        var builder = RecordBatchBuilder(codec: codec)
        for record in records {
            builder.append(
                timestamp: record.time, key: record.key.map { ByteSlice($0) },
                value: ByteSlice("v"))
        }
        return try builder.finish()
    }

    @Test(arguments: [CompressionCodec.none, .lz4])
    func recordsWithoutKeysOfACompactedTopicAreNamed(codec: CompressionCodec) throws {
        let test = try TestBroker()
        try test.broker.createTopic("t", configuration: ["cleanup.policy": "compact"])
        let now = SystemClock().wallMilliseconds()
        let bad = try batch([(now, "a"), (now, nil), (now, "c"), (now, nil)], codec: codec)
        let refused = try test.client().ask(produce([("t", 0, bad)]), version: 9).outcomes[0]
        #expect(refused.errorCode == .invalidRecord)
        #expect(refused.recordErrors.map(\.batchIndex) == [1, 3])
        #expect(refused.recordErrors[0].batchIndexErrorMessage?.contains("key") == true)
        #expect(try test.broker.endOffset(topic: "t") == 0)
    }

    @Test func recordsOutOfTheirTimeAreNamed() throws {
        let test = try TestBroker()
        try test.broker.createTopic(
            "t", configuration: ["message.timestamp.before.max.ms": "3600000"])
        let now = SystemClock().wallMilliseconds()
        let client = try test.client()
        func refused(_ times: [Int64]) throws -> ProduceResponse.Partition {
            let bad = try batch(times.map { ($0, nil) })
            return try client.ask(produce([("t", 0, bad)]), version: 9).outcomes[0]
        }
        let ahead = try refused([now, now + 7_200_000, now + 1, now + 8_000_000])
        #expect(ahead.errorCode == .invalidTimestamp)
        #expect(ahead.recordErrors.map(\.batchIndex) == [1, 3])
        let behind = try refused([now - 7_200_000, now])
        #expect(behind.errorCode == .invalidTimestamp)
        #expect(behind.recordErrors.map(\.batchIndex) == [0])
        #expect(try refused([now]).recordErrors.isEmpty)
    }
}
