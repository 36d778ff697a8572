import Testing
import VarveClient
import VarvePlatform
import VarveRecords

/// The client against brokers that are not ours.
@Suite(.enabled(if: MockCluster.isAvailable, Comment(rawValue: MockCluster.skipReason)))
struct ForeignBrokerTests {
    @Test func metadataNamesBrokersAndTopics() async throws {
        let mock = try await MockCluster.start(brokers: 3)
        let cluster = mock.client()
        let name = uniqueName("t")
        _ = try await cluster.metadata(topics: [name], allowAutoTopicCreation: true)
        let topics = try await Admin(cluster).topics([name])
        #expect(topics.first?.partitions.map(\.partition) == [0, 1, 2, 3])
        #expect(try await cluster.metadata(topics: []).brokers.count == 3)
        await cluster.close()
    }

    @Test func recordsComeBackAsTheyWereSent() async throws {
        let mock = try await MockCluster.start(brokers: 3)
        let cluster = mock.client()
        for codec in CompressionCodec.allCases where codec.isBuiltIn {
            let name = uniqueName("t")
            var configuration = ProducerConfiguration()
            configuration.codec = codec
            let producer = Producer(cluster, configuration)
            let sent = (0..<50).map { index in
                Record(
                    offset: Int64(index), timestamp: 1_700_000_000_000 + Int64(index),
                    key: index % 3 == 0 ? nil : ByteSlice("key \(index)"),
                    value: index % 7 == 6
                        ? nil : ByteSlice(String(repeating: "v\(index)", count: index)),
                    headers: [RecordHeader(name: "index", value: ByteSlice("\(index)"))])
            }
            let places = Collector<Int64>()
            for record in sent {
                try await producer.enqueue(topic: name, partition: 2, record) {
                    places.add((try? $0.get().offset) ?? -1)
                }
            }
            try await producer.flush()
            #expect(places.values == sent.map(\.offset))

            let consumer = try Consumer(cluster, ConsumerConfiguration())
            try consumer.assign([TopicPartition(topic: name, partition: 2): 0])
            let fetched = try await consumer.collect(sent.count)
            #expect(fetched == sent, "\(codec)")
            await consumer.close()
            await producer.close()
        }
        await cluster.close()
    }

    @Test func groupMembersShareAndTakeOverAtTheCommittedOffset() async throws {
        let mock = try await MockCluster.start(brokers: 3)
        let cluster = mock.client()
        let name = uniqueName("t")
        let producer = Producer(cluster)
        for index in 0..<400 {
            try await producer.enqueue(
                topic: name, partition: Int32(index % 4),
                Record(timestamp: 1, value: ByteSlice("\(index)"))
            ) { _ in }
        }
        try await producer.flush()

        let group = uniqueName("g")
        let log = SharedLog()
        // The mock waits for a rebalance as long as a session lasts.
        func reader() throws -> GroupReader {
            try GroupReader(cluster, group: group, topic: name, log) {
                $0.sessionTimeoutMilliseconds = 6_000
            }
        }
        let first = try reader()
        try await eventually { first.assignment.count == 4 }
        let second = try reader()
        try await eventually { first.assignment.count == 2 && second.assignment.count == 2 }
        try await eventually { log.values.count == 400 }
        await first.close()
        try await eventually { second.assignment.count == 4 }
        for index in 400..<500 {
            try await producer.enqueue(
                topic: name, partition: Int32(index % 4),
                Record(timestamp: 1, value: ByteSlice("\(index)"))
            ) { _ in }
        }
        try await producer.flush()
        try await eventually { log.values.count == 500 }
        await second.close()
        // Everyone committed what they had before giving it up, so nothing came twice.
        #expect(log.values.sorted { Int($0)! < Int($1)! } == (0..<500).map(String.init))
        #expect(log.overlaps.isEmpty)
        let partitions = (0..<4).map { TopicPartition(topic: name, partition: $0) }
        let offsets = try await Admin(cluster).groupOffsets(group, partitions)
        #expect(offsets.mapValues(\.offset).values.sorted() == [125, 125, 125, 125])
        await producer.close()
        await cluster.close()
    }
}
