import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveWire

@testable import VarveBroker

/// Fetch and ListOffsets for readers of committed records (isolation level 1, KIP-98).
struct CommittedFetchTests {
    private static let now = SystemClock().wallMilliseconds()

    private func transactional(
        _ value: String, producer: Int64, sequence: Int32
    ) throws -> ByteSlice {
        var builder = RecordBatchBuilder(attributes: BatchAttributes(isTransactional: true))
        builder.append(timestamp: Self.now, key: nil, value: ByteSlice(value))
        return try builder.finish(
            producerID: producer, producerEpoch: 0, baseSequence: sequence)
    }

    private func durable(_ log: PartitionLog, _ result: AppendResult) {
        let isDone = Lock(false)
        log.whenDurable(result) { _ in
            isDone.withLock { $0 = true }
            isDone.signal()
        }
        _ = isDone.wait { $0 ? true : nil }
    }

    private func end(_ log: PartitionLog, _ producer: Int64, commit: Bool) throws {
        durable(
            log,
            try log.appendMarker(
                TransactionMarker(isCommit: commit, coordinatorEpoch: 0), producerID: producer,
                epoch: 0, now: Self.now))
    }

    private func latest(
        _ client: TestClient, _ timestamp: Int64, isolation: Int8
    ) throws -> Int64 {
        var request = ListOffsetsRequest()
        request.isolationLevel = isolation
        var topic = ListOffsetsRequest.Topic()
        topic.name = "t"
        var partition = ListOffsetsRequest.Partition()
        partition.timestamp = timestamp
        topic.partitions = [partition]
        request.topics = [topic]
        let response = try client.ask(request, version: 7)
        return response.topics[0].partitions[0].offset
    }

    @Test func committedReadsEndAtTheLastStableOffsetAndNameTheAborted() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let log = try #require(try test.state.directory.topic("t")?.partition(0))
        _ = try log.append(transactional("a", producer: 1, sequence: 0), now: Self.now)
        _ = try log.append(transactional("b", producer: 2, sequence: 0), now: Self.now)
        try end(log, 1, commit: false)
        _ = try test.broker.append(topic: "t", records: [.init("plain")])
        let client = try test.client()
        for version in Int16(4)...12 {
            let all = try client.ask(fetch([("t", 0, 0)]), version: version).partitions[0]
            #expect(try values(all).suffix(1) == ["plain"] && all.abortedTransactions == nil)
            #expect(all.highWatermark == 4 && all.lastStableOffset == 1)
            let committed = try client.ask(fetch([("t", 0, 0)], isolation: 1), version: version)
                .partitions[0]
            #expect(RecordBatch.batches(in: committed.records!).count == 1)
            #expect(committed.highWatermark == 4 && committed.lastStableOffset == 1)
            #expect(committed.abortedTransactions?.map(\.producerId) == [1])
            #expect(committed.abortedTransactions?.map(\.firstOffset) == [0])
        }
        let behind = try client.ask(fetch([("t", 0, 2)], isolation: 1), version: 12).partitions[0]
        #expect(behind.errorCode == .none && behind.records?.count == 0)
        #expect(try latest(client, -1, isolation: 0) == 4)
        #expect(try latest(client, -1, isolation: 1) == 1)
        #expect(try latest(client, 0, isolation: 1) == 0)
        #expect(try latest(client, -3, isolation: 1) <= 0)
        try end(log, 2, commit: true)
        let whole = try client.ask(fetch([("t", 0, 1)], isolation: 1), version: 12).partitions[0]
        #expect(RecordBatch.batches(in: whole.records!).count == 4)
        #expect(whole.abortedTransactions?.map(\.producerId) == [1], "its marker is behind 1")
        #expect(try latest(client, -1, isolation: 1) == 5)
    }

    @Test func aLongPollForCommittedRecordsWakesWithTheMarker() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let log = try #require(try test.state.directory.topic("t")?.partition(0))
        let client = try test.client()
        let id = try client.send(
            fetch([("t", 0, 0)], maxWait: 20_000, isolation: 1), version: 11)
        durable(log, try log.append(transactional("a", producer: 1, sequence: 0), now: Self.now))
        #expect(try client.isSilent(for: 200), "it is open")
        try end(log, 1, commit: true)
        let response = try client.answer(to: FetchRequest.self, version: 11, id: id)
        #expect(RecordBatch.batches(in: response.partitions[0].records!).count == 2)
        #expect(response.partitions[0].lastStableOffset == 2)
    }

    @Test func clientsCannotOpenOrEndTransactionsWithoutACoordinator() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        let data = try transactional("a", producer: 1, sequence: 0)
        let marker = TransactionMarker(isCommit: true, coordinatorEpoch: 0)
            .batch(producerID: 1, producerEpoch: 0, timestamp: Self.now)
        for (records, code) in [
            (data, ErrorCode.transactionalIdAuthorizationFailed), (marker, .invalidRecord),
        ] {
            let response = try client.ask(produce([("t", 0, records)]), version: 9)
            #expect(response.errors == [code])
        }
        #expect(try test.state.directory.topic("t")?.partition(0)?.endOffset == 0)
    }
}
