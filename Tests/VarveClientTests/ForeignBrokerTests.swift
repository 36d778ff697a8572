import Testing
import VarveClient
import VarvePlatform
import VarveRecords

/// The client against brokers that are not ours.
@Suite(.enabled(if: MockCluster.isAvailable, Comment(rawValue: MockCluster.skipReason)))
struct ForeignBrokerTests {
    @Test func metadataNamesBrokersAndTopics() async throws {
        let mock = try MockCluster(brokers: 3)
        let cluster = mock.client()
        let name = uniqueName("t")
        _ = try await cluster.metadata(topics: [name], allowAutoTopicCreation: true)
        let topics = try await Admin(cluster).topics([name])
        #expect(topics.first?.partitions.map(\.partition) == [0, 1, 2, 3])
        #expect(try await cluster.metadata(topics: []).brokers.count == 3)
        await cluster.close()
    }

    @Test func producedRecordsComeWithTheirOffsets() async throws {
        let mock = try MockCluster()
        let cluster = mock.client()
        let name = uniqueName("t")
        let producer = Producer(cluster)
        for index in 0..<5 {
            let place = try await producer.send(
                topic: name, partition: 0,
                Record(timestamp: 1, key: "k", value: ByteSlice("v\(index)")))
            #expect(place == (0, Int64(index)))
        }
        await producer.close()
        await cluster.close()
    }
}
