import Foundation
import Testing
import VarveBroker
import VarveClient
import VarvePlatform
import VarveRecords
import VarveWire

/// Client and broker of one house.
@Suite struct OwnBrokerTests {
    @Test func restartsOfTheBrokerNeitherLoseNorDoubleNorReorder() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("t", partitions: 3)
        let cluster = broker.client()
        var configuration = ProducerConfiguration()
        configuration.lingerMilliseconds = 1
        configuration.batchBytesMax = 2_000
        let producer = Producer(cluster, configuration)
        let count = 6_000
        let places = Collector<(index: Int, partition: Int32, offset: Int64)>()
        let producing = Task {
            for index in 0..<count {
                try await producer.enqueue(
                    topic: "t", partition: Int32(index % 3),
                    Record(timestamp: 1, value: ByteSlice("\(index)"))
                ) { delivery in
                    if case .success(let place) = delivery {
                        places.add((index, place.partition, place.offset))
                    }
                }
                if index % 50 == 0 { try await Task.sleep(for: .milliseconds(5)) }
            }
            try await producer.flush()
        }
        for _ in 0..<4 {
            try await Task.sleep(for: .milliseconds(100))
            try broker.stop()
            try await Task.sleep(for: .milliseconds(30))
            try broker.start()
        }
        try await producing.value
        await producer.close()
        #expect(places.values.count == count)
        for partition in 0..<3 {
            let stored = try readAll(broker.broker, "t", partition)
            #expect(stored == stride(from: partition, to: count, by: 3).map(String.init))
        }
        for place in places.values {
            #expect(place.offset == Int64(place.index / 3) && place.partition == place.index % 3)
        }
        await cluster.close()
    }

    @Test func groupOfThreeOverSixPartitionsLosesNothingWhenMembersLeaveOrDie() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("t", partitions: 6)
        let log = SharedLog()
        let clusters = (0..<3).map { _ in broker.client() }
        let readers = try clusters.map {
            try GroupReader($0, group: "g", topic: "t", log) {
                $0.sessionTimeoutMilliseconds = 2_000
                $0.heartbeatIntervalMilliseconds = 100
                $0.rebalanceTimeoutMilliseconds = 30_000
            }
        }
        try await eventually("two each") { readers.allSatisfy { $0.assignment.count == 2 } }
        let total = Lock(0)
        func produce(_ count: Int) throws {
            for _ in 0..<count {
                let index = total.withLock { total in
                    total += 1
                    return total - 1
                }
                _ = try broker.broker.append(
                    topic: "t", partition: index % 6,
                    records: [BrokerRecord(value: Array("\(index)".utf8))])
            }
        }
        try produce(120)
        try await eventually("first part") { log.values.count == 120 }
        // One leaves.
        async let leaving: Void = readers[0].close()
        try produce(120)
        await leaving
        try await eventually("three each") {
            readers[1...].allSatisfy { $0.assignment.count == 3 }
        }
        #expect(log.overlaps.isEmpty)
        // One dies: nobody hears of it any more.
        await clusters[1].close()
        try produce(120)
        try await eventually("six for the last") { readers[2].assignment.count == 6 }
        try produce(60)
        try await eventually("all of it") { log.processed.count == 420 }
        #expect(log.processed == Set((0..<420).map(String.init)))
        try await eventually("all committed") {
            let offsets = try await Admin(clusters[2]).groupOffsets("g")
            return offsets.count == 6 && offsets.values.allSatisfy { $0.offset == 70 }
        }
        await readers[2].close()
        try await eventually("left") {
            let cluster = broker.client()
            defer { Task { await cluster.close() } }
            return try await Admin(cluster).describeGroups(["g"])[0].state == "Empty"
        }
        await clusters[0].close()
        await clusters[2].close()
    }

    @Test func eagerAndCooperativeMembersAgreeOnRange() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("t", partitions: 4)
        let cluster = broker.client()
        let log = SharedLog()
        let both = try GroupReader(cluster, group: "g", topic: "t", log)
        try await eventually { both.assignment.count == 4 }
        let range = try GroupReader(cluster, group: "g", topic: "t", log) {
            $0.assignors = [.range]
        }
        try await eventually { both.assignment.count == 2 && range.assignment.count == 2 }
        #expect(try await Admin(cluster).describeGroups(["g"])[0].assignor == "range")
        await range.close()
        try await eventually { both.assignment.count == 4 }
        await both.close()
        await cluster.close()
    }

    @Test func staticMemberComesBackToWhatItHad() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("t", partitions: 4)
        let cluster = broker.client()
        let log = SharedLog()
        let other = try GroupReader(cluster, group: "g", topic: "t", log)
        var named = try GroupReader(cluster, group: "g", topic: "t", log) {
            $0.groupInstanceID = "a"
        }
        try await eventually { named.assignment.count == 2 && other.assignment.count == 2 }
        let before = named.assignment
        await named.close()
        named = try GroupReader(cluster, group: "g", topic: "t", log) { $0.groupInstanceID = "a" }
        try await eventually { named.assignment == before }
        #expect(other.assignment.count == 2)
        await other.close()
        await named.close()
        await cluster.close()
    }

    @Test func newPartitionsAndNewTopicsAreNoticed() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("t", partitions: 1)
        let cluster = broker.client { $0.metadataAgeMillisecondsMax = 200 }
        let log = SharedLog()
        let reader = try GroupReader(cluster, group: "g", topic: "t", log) {
            $0.topics = ["t", "later"]
        }
        try await eventually { reader.assignment.count == 1 }
        try await Admin(cluster).createPartitions("t", total: 3)
        try await eventually { reader.assignment.count == 3 }
        try broker.broker.createTopic("later", partitions: 2)
        try await eventually { reader.assignment.count == 5 }
        await reader.close()
        await cluster.close()
    }

    @Test func seekPauseAndResume() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("t", partitions: 2)
        let cluster = broker.client()
        let (zero, one) = (
            TopicPartition(topic: "t", partition: 0), TopicPartition(topic: "t", partition: 1)
        )
        for index in 0..<20 {
            _ = try await broker.broker.append(
                topic: "t", partition: index % 2,
                records: [BrokerRecord(value: Array("\(index)".utf8))])
        }
        var configuration = ConsumerConfiguration()
        configuration.fetchWaitMilliseconds = 20
        let consumer = try Consumer(cluster, configuration)
        try consumer.assign([zero: 0, one: -1])
        #expect(try await consumer.collect(10).map(\.offset) == Array(0..<10))
        #expect(consumer.position(zero) == 10)
        try consumer.seek(zero, to: 7)
        #expect(try await consumer.collect(3).map(\.offset) == [7, 8, 9])
        consumer.pause([zero])
        try consumer.seek(zero, to: 0)
        #expect(try await consumer.poll(timeoutMilliseconds: 100).isEmpty)
        try consumer.seek(one, to: 5)
        let odd = try await consumer.collect(5).map { $0.value?.string }
        #expect(odd == ["11", "13", "15", "17", "19"])
        consumer.resume([zero])
        #expect(try await consumer.collect(10).map(\.offset) == Array(0..<10))
        #expect(throws: ClientError.self) {
            try consumer.seek(TopicPartition(topic: "t", partition: 9), to: 0)
        }
        await consumer.close()
        await #expect(throws: ClientError.closed) {
            _ = try await consumer.poll(timeoutMilliseconds: 1)
        }
        await cluster.close()
    }

    @Test func offsetsThatAreGoneFollowThePolicy() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("t", partitions: 1)
        let zero = TopicPartition(topic: "t", partition: 0)
        for index in 0..<10 {
            _ = try await broker.broker.append(
                topic: "t", records: [BrokerRecord(value: Array("\(index)".utf8))])
        }
        let cluster = broker.client()
        #expect(try await Admin(cluster).deleteRecords(before: [zero: 4]) == [zero: 4])
        for (policy, first) in [(OffsetReset.earliest, "4"), (.latest, "new")] {
            var configuration = ConsumerConfiguration()
            configuration.autoOffsetReset = policy
            configuration.fetchWaitMilliseconds = 20
            let consumer = try Consumer(cluster, configuration)
            try consumer.assign([zero: 1])
            if policy == .latest {
                try await eventually { consumer.position(zero) == 10 }
                _ = try await broker.broker.append(
                    topic: "t", records: [BrokerRecord(value: Array("new".utf8))])
            }
            #expect(try await consumer.collect(1)[0].value?.string == first)
            await consumer.close()
        }
        var configuration = ConsumerConfiguration()
        configuration.autoOffsetReset = .error
        let consumer = try Consumer(cluster, configuration)
        try consumer.assign([zero: 1])
        let error = await #expect(throws: ClientError.self) {
            _ = try await consumer.collect(1)
        }
        #expect(error?.code == .offsetOutOfRange)
        await consumer.close()
        await cluster.close()
    }

    @Test func adminSeesAndChangesWhatThereIs() async throws {
        let broker = try TestBroker()
        let cluster = broker.client()
        let admin = Admin(cluster)
        try await admin.createTopic(
            NewTopic("a", partitions: 2, configuration: ["retention.ms": "60000"]))
        let again = await #expect(throws: ClientError.self) {
            try await admin.createTopic(NewTopic("a", partitions: 2))
        }
        #expect(again?.isTopicExisting == true)
        #expect(try await admin.topics().map(\.name).contains("a"))
        #expect(try await admin.topics(["nothing"])[0].error == .unknownTopicOrPartition)
        func retention() async throws -> ConfigurationEntry? {
            try await admin.topicConfiguration("a").first { $0.name == "retention.ms" }
        }
        #expect(try await retention()?.value == "60000")
        #expect(try await retention()?.isDefault == false)
        try await admin.alterTopicConfiguration("a", set: ["retention.ms": "90000"])
        #expect(try await retention()?.value == "90000")
        try await admin.alterTopicConfiguration("a", set: [:], remove: ["retention.ms"])
        #expect(try await retention()?.isDefault == true)
        let nodeID = try await broker.nodeID(cluster)
        #expect(try await admin.brokerConfiguration(nodeID).isEmpty == false)

        let producer = Producer(cluster)
        let zero = TopicPartition(topic: "a", partition: 0)
        for time in [100, 300, 200] as [Int64] {
            _ = try await producer.send(
                topic: "a", partition: 0, Record(timestamp: time, value: "x"))
        }
        #expect(try await admin.listOffsets([zero: .latest])[zero]?.offset == 3)
        #expect(try await admin.listOffsets([zero: .earliest])[zero]?.offset == 0)
        let found = try await admin.listOffsets([zero: .timestamp(150)])[zero]
        #expect(found == ListedOffset(offset: 1, timestamp: 300))
        #expect(try await admin.listOffsets([zero: .timestamp(301)])[zero]?.offset == -1)
        #expect(try await admin.listOffsets([zero: .maxTimestamp])[zero]?.offset == 1)
        await #expect(throws: ClientError.self) {
            _ = try await admin.listOffsets([TopicPartition(topic: "a", partition: 7): .latest])
        }

        try await admin.alterGroupOffsets("g", [zero: 2])
        #expect(try await admin.groupOffsets("g").mapValues(\.offset) == [zero: 2])
        #expect(try await admin.listGroups().map(\.groupID) == ["g"])
        #expect(try await admin.describeGroups(["nobody"])[0].state == "Dead")
        #expect(try await admin.deleteGroups(["g"])[0].error == nil)
        #expect(try await admin.listGroups().isEmpty)
        #expect(try await admin.deleteTopics(["a", "b"]).map { $0.error?.code } == [
            nil, .unknownTopicOrPartition,
        ])
        await producer.close()
        await cluster.close()
    }

    @Test func groupDescriptionShowsItsMembers() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("t", partitions: 2)
        let cluster = broker.client()
        let reader = try GroupReader(cluster, group: "g", topic: "t", SharedLog())
        try await eventually { reader.assignment.count == 2 }
        let group = try await Admin(cluster).describeGroups(["g"])[0]
        #expect(group.state == "Stable" && group.assignor == "cooperative-sticky")
        #expect(group.members.count == 1)
        #expect(group.members[0].topics == ["t"])
        #expect(group.members[0].assignment == reader.assignment)
        #expect(group.members[0].clientID == "test")
        await reader.close()
        await cluster.close()
    }

    private func readAll(_ broker: Broker, _ topic: String, _ partition: Int) throws -> [String] {
        var values: [String] = []
        while true {
            let records = try broker.read(
                topic: topic, partition: partition, from: Int64(values.count))
            if records.isEmpty { return values }
            values += records.map { String(decoding: $0.value ?? [], as: UTF8.self) }
        }
    }
}

extension TestBroker {
    func nodeID(_ cluster: Cluster) async throws -> Int32 {
        try await cluster.metadata(topics: []).brokers[0].id
    }
}
