import Testing
import VarveClient
import VarvePlatform
import VarveRecords
import VarveWire

/// What the consumer makes of batches and answers that are not plain.
@Suite struct ConsumerFaultTests {
    private static let zero = TopicPartition(topic: "t", partition: 0)

    /// Serves `batches` from the first that ends after the fetch's offset; empty at the end.
    private func serve(
        _ broker: FakeBroker, _ batches: [ByteSlice],
        aborted: [(producer: Int64, first: Int64)] = [], fetches: Collector<Int64> = Collector()
    ) {
        broker.answer(FetchRequest.self) { request, _ in
            let offset = request.topics[0].partitions[0].fetchOffset
            fetches.add(offset)
            var writer = ByteWriter()
            for batch in batches {
                let header = try batch.withUnsafeBytes { try RecordBatchHeader(parsing: $0) }
                if header.nextOffset > offset { writer.bytes(batch) }
            }
            var partition = FetchResponse.Partition()
            partition.records = writer.finish()
            partition.highWatermark = 100
            partition.abortedTransactions = aborted.map {
                var entry = FetchResponse.AbortedTransaction()
                entry.producerId = $0.producer
                entry.firstOffset = $0.first
                return entry
            }
            var topic = FetchResponse.Topic()
            topic.topic = "t"
            topic.partitions = [partition]
            var response = FetchResponse()
            response.responses = [topic]
            return response
        }
    }

    private func batch(
        _ offset: Int64, _ values: [String], producer: Int64 = -1, transactional: Bool = false,
        control: ControlType? = nil
    ) throws -> ByteSlice {
        var builder = RecordBatchBuilder(
            attributes: BatchAttributes(
                isTransactional: transactional, isControl: control != nil))
        for value in values { builder.append(timestamp: 1, key: nil, value: ByteSlice(value)) }
        if let control {
            builder.append(
                timestamp: 1, key: ByteSlice([0, 0, 0, UInt8(control.rawValue)]),
                value: ByteSlice([0, 0, 0, 0, 0, 0]))
        }
        return try builder.finish(
            baseOffset: offset, producerID: producer, producerEpoch: producer < 0 ? -1 : 0,
            baseSequence: producer < 0 ? -1 : 0)
    }

    private func consumer(
        _ broker: FakeBroker, at offset: Int64,
        _ change: (inout ConsumerConfiguration) -> Void = { _ in }
    ) throws -> (Consumer, Cluster) {
        let cluster = testClient([broker.endpoint])
        var configuration = ConsumerConfiguration()
        configuration.fetchWaitMilliseconds = 20
        change(&configuration)
        let consumer = try Consumer(cluster, configuration)
        try consumer.assign([Self.zero: offset])
        return (consumer, cluster)
    }

    @Test func fetchInTheMiddleOfABatchGivesOnlyWhatWasAskedFor() async throws {
        let broker = try FakeBroker()
        serve(broker, [try batch(0, ["a", "b", "c"]), try batch(3, ["d"])])
        let (consumer, cluster) = try consumer(broker, at: 2)
        #expect(try await consumer.collect(2).map(\.offset) == [2, 3])
        #expect(consumer.position(Self.zero) == 4)
        await consumer.close()
        await cluster.close()
    }

    @Test func abortedTransactionsAreLeftOutUnlessAskedFor() async throws {
        let batches = [
            try batch(0, ["plain"]),
            try batch(1, ["aborted 7"], producer: 7, transactional: true),
            try batch(2, ["committed 8"], producer: 8, transactional: true),
            try batch(3, ["aborted 7 too"], producer: 7, transactional: true),
            try batch(4, [], producer: 7, transactional: true, control: .abort),
            try batch(5, [], producer: 8, transactional: true, control: .commit),
            try batch(6, ["committed 7"], producer: 7, transactional: true),
            try batch(7, [], producer: 7, transactional: true, control: .commit),
        ]
        let broker = try FakeBroker()
        serve(broker, batches, aborted: [(7, 1)])
        let (committed, cluster) = try consumer(broker, at: 0)
        #expect(
            try await committed.collect(3).map { $0.value?.string }
                == ["plain", "committed 8", "committed 7"])
        try await eventually {
            _ = try await committed.poll(timeoutMilliseconds: 10)
            return committed.position(Self.zero) == 8
        }
        await committed.close()
        await cluster.close()

        let (all, other) = try consumer(broker, at: 0) { $0.isolation = .readUncommitted }
        #expect(try await all.collect(5).map(\.offset) == [0, 1, 2, 3, 6])
        await all.close()
        await other.close()
    }

    @Test func damagedBatchIsNeverHandedOver() async throws {
        let good = try batch(0, ["a"])
        var bytes = try batch(1, ["bbbbbbbbbb"]).array
        bytes[bytes.count - 3] ^= 1
        let broker = try FakeBroker()
        let fetches = Collector<Int64>()
        serve(broker, [good, ByteSlice(bytes), try batch(2, ["c"])], fetches: fetches)
        let (consumer, cluster) = try consumer(broker, at: 0)
        #expect(try await consumer.collect(1).map { $0.value?.string } == ["a"])
        for _ in 0..<3 {
            let error = await #expect(throws: ClientError.self) {
                _ = try await consumer.poll(timeoutMilliseconds: 60_000)
            }
            guard case .records(.badChecksum) = error else {
                Issue.record("\(String(describing: error))")
                break
            }
        }
        #expect(consumer.position(Self.zero) == 1)
        #expect(fetches.values.contains(1))
        // The operator steps over it, knowingly.
        try consumer.seek(Self.zero, to: 2)
        #expect(try await consumer.collect(1).map { $0.value?.string } == ["c"])
        await consumer.close()
        await cluster.close()
    }

    @Test func bombIsRefusedAtItsBound() async throws {
        var builder = RecordBatchBuilder(codec: .lz4)
        builder.append(
            timestamp: 1, key: nil, value: ByteSlice([UInt8](repeating: 0, count: 2_000_000)))
        let broker = try FakeBroker()
        serve(broker, [try builder.finish()])
        let (consumer, cluster) = try consumer(broker, at: 0) {
            $0.batchDecompressedBytesMax = 1_000_000
        }
        await #expect(throws: ClientError.records(.decompressedTooLarge(bytesMax: 1_000_000))) {
            _ = try await consumer.poll(timeoutMilliseconds: 60_000)
        }
        await consumer.close()
        await cluster.close()
    }

    @Test func batchesOfTheOldFormatAreNamedNotSkipped() async throws {
        var bytes = try batch(0, ["x"]).array
        bytes[16] = 1
        let old = ByteSlice(bytes)
        let broker = try FakeBroker()
        broker.answer(FetchRequest.self) { _, _ in
            var partition = FetchResponse.Partition()
            partition.records = old
            var topic = FetchResponse.Topic()
            topic.topic = "t"
            topic.partitions = [partition]
            var response = FetchResponse()
            response.responses = [topic]
            return response
        }
        let (consumer, cluster) = try consumer(broker, at: 0)
        await #expect(throws: ClientError.records(.badMagic(1))) {
            _ = try await consumer.poll(timeoutMilliseconds: 60_000)
        }
        await consumer.close()
        await cluster.close()
    }

    @Test func pausesAtAnyMomentLoseAndDoubleNothing() async throws {
        let broker = try FakeBroker()
        broker.answer(FetchRequest.self) { [self] request, _ in
            let offset = request.topics[0].partitions[0].fetchOffset
            var partition = FetchResponse.Partition()
            var writer = ByteWriter()
            // Batches of five, so that a position is often inside one.
            let first = offset / 5 * 5
            for base in stride(from: first, to: first + 50, by: 5) {
                writer.bytes(try batch(base, (0..<5).map { "\(base + Int64($0))" }))
            }
            partition.records = writer.finish()
            partition.highWatermark = 1_000_000
            var topic = FetchResponse.Topic()
            topic.topic = "t"
            topic.partitions = [partition]
            var response = FetchResponse()
            response.responses = [topic]
            return response
        }
        let (consumer, cluster) = try consumer(broker, at: 3) { $0.pollRecordsMax = 7 }
        let read = Lock(0)
        let pausing = Task {
            while !Task.isCancelled {
                // Each pause throws away what was fetched: on a busy machine nothing would ever
                // get through if they did not stop now and then until something has.
                let before = read.withLock { $0 }
                for _ in 0..<10 {
                    consumer.pause([Self.zero])
                    consumer.resume([Self.zero])
                    try await Task.sleep(for: .microseconds(Int.random(in: 0...500)))
                }
                while read.withLock({ $0 }) == before {
                    try await Task.sleep(for: .microseconds(100))
                }
            }
        }
        var records: [Record] = []
        while records.count < 3_000 {
            records += try await consumer.collect(1)
            read.withLock { $0 = records.count }
        }
        pausing.cancel()
        #expect(records.map(\.offset) == (0..<records.count).map { Int64($0) + 3 })
        await consumer.close()
        await cluster.close()
    }

    @Test func prefetchStopsAtItsBound() async throws {
        let broker = try FakeBroker()
        let served = Lock<Int64>(0)
        broker.answer(FetchRequest.self) { [self] request, _ in
            let offset = request.topics[0].partitions[0].fetchOffset
            served.withLock { $0 = max($0, offset) }
            var partition = FetchResponse.Partition()
            partition.records = try batch(offset, [String(repeating: "x", count: 10_000)])
            partition.highWatermark = 1_000
            var topic = FetchResponse.Topic()
            topic.topic = "t"
            topic.partitions = [partition]
            var response = FetchResponse()
            response.responses = [topic]
            return response
        }
        let (consumer, cluster) = try consumer(broker, at: 0) {
            $0.prefetchBytesMax = 50_000
            $0.pollBytesMax = 1
        }
        try await Task.sleep(for: .milliseconds(300))
        #expect(served.withLock { $0 } <= 5)
        #expect(try await consumer.collect(20).map(\.offset) == Array(0..<20))
        #expect(served.withLock { $0 } <= 25)
        await consumer.close()
        await cluster.close()
    }
}
