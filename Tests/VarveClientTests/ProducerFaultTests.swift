import Testing
import VarveClient
import VarvePlatform
import VarveRecords
import VarveWire

/// What the producer makes of a broker's errors. The fake checks sequences as Kafka does.
@Suite struct ProducerFaultTests {
    /// A partition's log in a few lines: appends in sequence only, remembers what it was told.
    final class FakeLog: Sendable {
        struct State {
            var records: [Record] = []
            var producerID: Int64 = -1
            var nextSequence: Int32 = 0
            var batches: [RecordBatchHeader] = []
            var sizes: [Int] = []
        }
        let state = Lock(State())
        var values: [String] { state.withLock { $0.records.map { $0.value!.string } } }
        var batches: [RecordBatchHeader] { state.withLock { $0.batches } }

        func append(_ batch: ByteSlice) throws -> (ErrorCode, Int64) {
            let header = try batch.withUnsafeBytes { try RecordBatchHeader.verified($0) }
            let records = try RecordBatch.records(in: batch)
            return state.withLock { state in
                state.batches.append(header)
                if header.producerID != state.producerID {
                    if header.baseSequence != 0 { return (.outOfOrderSequenceNumber, -1) }
                    state.producerID = header.producerID
                    state.nextSequence = 0
                }
                if header.hasProducer && header.baseSequence != state.nextSequence {
                    return header.baseSequence < state.nextSequence
                        ? (.duplicateSequenceNumber, -1) : (.outOfOrderSequenceNumber, -1)
                }
                state.nextSequence += header.recordCount
                state.records += records
                return (.none, Int64(state.records.count - records.count))
            }
        }
    }

    /// Answers produce requests from `log`, after `fault` has had its say on the request's number.
    private func serve(
        _ broker: FakeBroker, _ log: FakeLog,
        _ fault: @escaping @Sendable (Int, ByteSlice) throws -> ErrorCode?
    ) {
        let count = Lock(0)
        broker.answer(ProduceRequest.self) { request, _ in
            let number = count.withLock { count in
                count += 1
                return count
            }
            let batch = request.topicData[0].partitionData[0].records!
            var answer = ProduceResponse.Partition()
            if let code = try fault(number, batch) {
                // -1 stands for a connection that breaks after the append.
                if code == .unknownServerError {
                    _ = try log.append(batch)
                    return nil
                }
                answer.errorCode = code
            } else {
                (answer.errorCode, answer.baseOffset) = try log.append(batch)
            }
            var topic = ProduceResponse.Topic()
            topic.name = request.topicData[0].name
            topic.partitionResponses = [answer]
            var response = ProduceResponse()
            response.responses = [topic]
            return response
        }
    }

    private func produce(
        _ broker: FakeBroker, _ count: Int,
        _ change: (inout ProducerConfiguration) -> Void = { _ in }
    ) async throws -> [Delivery] {
        let cluster = testClient([broker.endpoint])
        var configuration = ProducerConfiguration()
        configuration.lingerMilliseconds = 0
        configuration.batchBytesMax = 200
        change(&configuration)
        let producer = Producer(cluster, configuration)
        let deliveries = Collector<(Int, Delivery)>()
        for index in 0..<count {
            try await producer.enqueue(
                topic: "t", Record(timestamp: 1, value: ByteSlice("\(index)"))
            ) { deliveries.add((index, $0)) }
        }
        await producer.close()
        await cluster.close()
        #expect(deliveries.values.count == count)
        return deliveries.values.sorted { $0.0 < $1.0 }.map(\.1)
    }

    private func values(_ range: Range<Int>) -> [String] { range.map(String.init) }

    private func offsets(_ deliveries: [Delivery]) -> [Int64] {
        deliveries.map { delivery in
            if case .success(let place) = delivery { place.offset } else { -2 }
        }
    }

    @Test(arguments: [
        ErrorCode.notLeaderOrFollower, .requestTimedOut, .kafkaStorageError, .notEnoughReplicas,
        .corruptMessage,
    ])
    func retriableErrorsKeepOrderAndLoseNothing(_ code: ErrorCode) async throws {
        let (broker, log) = (try FakeBroker(), FakeLog())
        serve(broker, log) { number, _ in [2, 3, 7, 8].contains(number) ? code : nil }
        let deliveries = try await produce(broker, 100)
        #expect(log.values == values(0..<100))
        #expect(offsets(deliveries) == (0..<100).map { Int64($0) })
    }

    @Test func brokenConnectionsStoreNothingTwice() async throws {
        let (broker, log) = (try FakeBroker(), FakeLog())
        serve(broker, log) { number, _ in number % 4 == 2 ? .unknownServerError : nil }
        let deliveries = try await produce(broker, 100)
        #expect(log.values == values(0..<100))
        #expect(offsets(deliveries).allSatisfy { $0 >= -1 })
    }

    @Test func aForgottenProducerStartsAnewAndGoesOn() async throws {
        for code in [ErrorCode.unknownProducerId, .outOfOrderSequenceNumber] {
            let (broker, log) = (try FakeBroker(), FakeLog())
            let ids = Lock<Int64>(0)
            broker.answer(InitProducerIdRequest.self) { _, _ in
                var response = InitProducerIdResponse()
                response.producerId = ids.withLock { id in
                    id += 1
                    return id
                }
                return response
            }
            let hasForgotten = Lock(false)
            serve(broker, log) { number, batch in
                let header = try batch.withUnsafeBytes { try RecordBatchHeader(parsing: $0) }
                guard number >= 3, header.producerID == 1 else { return nil }
                hasForgotten.withLock { $0 = true }
                return code
            }
            let deliveries = try await produce(broker, 60)
            #expect(hasForgotten.withLock { $0 })
            #expect(log.values == values(0..<60))
            #expect(offsets(deliveries) == (0..<60).map { Int64($0) })
            #expect(Set(log.batches.map(\.producerID)) == [1, 2])
        }
    }

    @Test func batchThatIsTooLargeIsSplit() async throws {
        let (broker, log) = (try FakeBroker(), FakeLog())
        let ids = Lock<Int64>(0)
        broker.answer(InitProducerIdRequest.self) { _, _ in
            var response = InitProducerIdResponse()
            response.producerId = ids.withLock { id in
                id += 1
                return id
            }
            return response
        }
        serve(broker, log) { _, batch in
            let header = try batch.withUnsafeBytes { try RecordBatchHeader(parsing: $0) }
            return header.recordCount > 3 ? .messageTooLarge : nil
        }
        let deliveries = try await produce(broker, 40) {
            $0.lingerMilliseconds = 20
            $0.batchBytesMax = 10_000
        }
        #expect(log.values == values(0..<40))
        #expect(offsets(deliveries) == (0..<40).map { Int64($0) })
    }

    @Test func oneRefusedBatchDoesNotHoldUpTheNext() async throws {
        let (broker, log) = (try FakeBroker(), FakeLog())
        let ids = Lock<Int64>(0)
        broker.answer(InitProducerIdRequest.self) { _, _ in
            var response = InitProducerIdResponse()
            response.producerId = ids.withLock { id in
                id += 1
                return id
            }
            return response
        }
        serve(broker, log) { _, batch in
            try RecordBatch.records(in: batch).contains { $0.value == "7" } ? .invalidRecord : nil
        }
        let deliveries = try await produce(broker, 30)
        let stored = log.values
        #expect(!stored.contains("7"))
        for (index, delivery) in deliveries.enumerated() {
            switch delivery {
            case .success: #expect(stored.contains("\(index)"))
            case .failure(let error):
                #expect(error.code == .invalidRecord)
                #expect(!stored.contains("\(index)"))
            }
        }
        #expect(stored == stored.sorted { Int($0)! < Int($1)! })
        #expect(stored.count > 20)
    }

    @Test func withoutIdempotenceTheOrderHoldsToo() async throws {
        let (broker, log) = (try FakeBroker(), FakeLog())
        serve(broker, log) { number, _ in number % 3 == 1 ? .notLeaderOrFollower : nil }
        _ = try await produce(broker, 60) { $0.idempotent = false }
        #expect(log.values == values(0..<60))
        #expect(log.batches.allSatisfy { !$0.hasProducer })
    }

    @Test func deliveryTimeoutFailsWhatNoBrokerTakes() async throws {
        let (broker, log) = (try FakeBroker(), FakeLog())
        serve(broker, log) { _, _ in .notLeaderOrFollower }
        let deliveries = try await produce(broker, 5) { $0.deliveryTimeoutMilliseconds = 300 }
        #expect(log.values.isEmpty)
        for delivery in deliveries {
            guard case .failure(.timedOut) = delivery else {
                Issue.record("\(delivery)")
                continue
            }
        }
    }

    @Test func fullBufferMakesProducersWaitNotGrow() async throws {
        let (broker, log) = (try FakeBroker(), FakeLog())
        let isOpen = Lock(false)
        serve(broker, log) { _, _ in
            _ = isOpen.wait(timeoutMilliseconds: 4_000) { $0 ? true : nil }
            return nil
        }
        let cluster = testClient([broker.endpoint])
        var configuration = ProducerConfiguration()
        configuration.bufferBytesMax = 10_000
        let producer = Producer(cluster, configuration)
        let enqueued = Lock(0)
        let large = ByteSlice([UInt8](repeating: 1, count: 1_000))
        let task = Task {
            for _ in 0..<50 {
                try await producer.enqueue(
                    topic: "t", Record(timestamp: 1, value: large)
                ) { _ in }
                enqueued.withLock { $0 += 1 }
            }
        }
        try await Task.sleep(for: .milliseconds(300))
        #expect(enqueued.withLock { $0 } < 10)
        isOpen.withLock { $0 = true }
        isOpen.signal()
        try await task.value
        await producer.close()
        #expect(log.state.withLock { $0.records.count } == 50)
        await #expect(throws: ClientError.closed) {
            try await producer.enqueue(topic: "t", Record(timestamp: 1, value: "x")) { _ in }
        }
        await cluster.close()
    }

    @Test func closingTheClusterFirstFailsWhatWaits() async throws {
        let (broker, log) = (try FakeBroker(), FakeLog())
        serve(broker, log) { _, _ in .notLeaderOrFollower }
        let cluster = testClient([broker.endpoint])
        let producer = Producer(cluster)
        let waiting = Task { try await producer.send(topic: "t", Record(timestamp: 1, value: "x")) }
        try await Task.sleep(for: .milliseconds(100))
        await cluster.close()
        await #expect(throws: ClientError.closed) { _ = try await waiting.value }
        await #expect(throws: ClientError.closed) {
            _ = try await producer.send(topic: "t", Record(timestamp: 1, value: "y"))
        }
        await producer.close()
    }

    @Test func acksOfZeroCompleteWhenWritten() async throws {
        let (broker, log) = (try FakeBroker(), FakeLog())
        broker.answerRaw(.produce) { header, frame, position in
            let request = try decodeRequest(
                ProduceRequest.self, header: header, frame: frame, at: position)
            #expect(request.acks == 0)
            _ = try log.append(request.topicData[0].partitionData[0].records!)
            return []
        }
        let deliveries = try await produce(broker, 20) { $0.acks = 0 }
        #expect(offsets(deliveries) == Array(repeating: -1, count: 20))
        try await eventually { log.values == values(0..<20) }
    }
}
