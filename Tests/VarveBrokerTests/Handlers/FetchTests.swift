import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveWire

@testable import VarveBroker

struct FetchTests {
    @Test func everyVersionGivesWhatWasProduced() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        _ = try test.broker.append(topic: "t", records: [.init("a"), .init("b")])
        let client = try test.client()
        let id = try #require(try client.ask(metadata(["t"]), version: 12).topics.first).topicId
        for version in Int16(4)...18 {
            var request = fetch([("t", 0, 0)])
            request.topics[0].topicId = version >= 13 ? id : .zero
            let response = try client.ask(request, version: version)
            #expect(response.errorCode == .none)
            #expect(response.sessionId == 0)
            #expect(try values(response.partitions[0]) == ["a", "b"], "version \(version)")
            #expect(response.partitions[0].highWatermark == 2)
            #expect(response.partitions[0].lastStableOffset == 2)
        }
        var request = fetch([("t", 0, 0)])
        request.topics[0].topicId = .random()
        #expect(
            try client.ask(request, version: 13).partitions[0].errorCode == .unknownTopicId)
    }

    @Test func aLongPollIsAnsweredWhenABatchIsDurableNotWhenItIsAppended() throws {
        let disk = GateDisk()
        let test = try TestBroker(disk: disk)
        try test.broker.createTopic("t")
        let client = try test.client()
        let id = try client.send(fetch([("t", 0, 0)], maxWait: 20_000), version: 11)
        #expect(try client.isSilent(for: 100))
        disk.set(.closed)
        let producer = try test.client()
        try producer.send(produce([("t", 0, try batch(["a"]))]), version: 9)
        #expect(try client.isSilent(for: 200))
        let start = Date()
        disk.set(.open)
        let response = try client.answer(to: FetchRequest.self, version: 11, id: id)
        #expect(try values(response.partitions[0]) == ["a"])
        #expect(Date().timeIntervalSince(start) < 5)
    }

    @Test func aLongPollEndsAfterItsWait() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        let start = Date()
        let response = try client.ask(fetch([("t", 0, 0)], maxWait: 400), version: 11)
        let passed = Date().timeIntervalSince(start)
        #expect(passed > 0.38 && passed < 3)
        #expect(response.partitions[0].errorCode == .none)
        #expect(try values(response.partitions[0]) == [])
    }

    @Test func aLongPollWaitsForItsMinimumOfBytes() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        let id = try client.send(
            fetch([("t", 0, 0)], maxWait: 20_000, minBytes: 600), version: 11)
        for _ in 0..<2 {
            _ = try test.broker.append(
                topic: "t", records: [.init(String(repeating: "x", count: 150))])
            #expect(try client.isSilent(for: 100))
        }
        _ = try test.broker.append(
            topic: "t", records: [.init(String(repeating: "x", count: 150))])
        let response = try client.answer(to: FetchRequest.self, version: 11, id: id)
        #expect(try values(response.partitions[0]).count == 3)
    }

    @Test func manyLongPollsOnOnePartitionAllWake() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        var clients: [(TestClient, Int32)] = []
        for _ in 0..<50 {
            let client = try test.client()
            let id = try client.send(fetch([("t", 0, 0)], maxWait: 20_000), version: 11)
            clients.append((client, id))
        }
        _ = try test.broker.append(topic: "t", records: [.init("a")])
        for (client, id) in clients {
            let response = try client.answer(to: FetchRequest.self, version: 11, id: id)
            #expect(try values(response.partitions[0]) == ["a"])
        }
    }

    @Test func aLongPollOnADeletedTopicIsAnswered() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        let id = try client.send(fetch([("t", 0, 0)], maxWait: 20_000), version: 11)
        #expect(try client.isSilent(for: 100))
        var request = DeleteTopicsRequest()
        request.topicNames = ["t"]
        #expect(try test.client().ask(request, version: 5).responses[0].errorCode == .none)
        let response = try client.answer(to: FetchRequest.self, version: 11, id: id)
        #expect(response.partitions[0].errorCode != .none)
    }

    @Test func parkedFetchesGoWithTheirConnection() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        var client: TestClient? = try test.client()
        try client?.send(fetch([("t", 0, 0)], maxWait: 2_000_000), version: 11)
        let log = try test.state.directory.topic("t")!.partitions[0]
        let watch = try test.state.partitionWatches.watch(of: log)
        var start = Date()
        while watch.waitingCount == 0, Date().timeIntervalSince(start) < 5 {
            Thread.sleep(forTimeInterval: 0.01)
        }
        #expect(watch.waitingCount == 1)
        client = nil
        start = Date()
        while watch.waitingCount > 0, Date().timeIntervalSince(start) < 15 {
            Thread.sleep(forTimeInterval: 0.01)
        }
        #expect(watch.waitingCount == 0)
    }

    @Test func offsetsOutsideThePartitionAreRefused() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        _ = try test.broker.append(topic: "t", records: [.init("a")])
        let client = try test.client()
        for offset in [Int64(-1), 2, 100] {
            let partition = try client.ask(fetch([("t", 0, offset)], maxWait: 1000), version: 11)
                .partitions[0]
            #expect(partition.errorCode == .offsetOutOfRange, "\(offset)")
        }
        let partitions = try client.ask(
            fetch([("t", 3, 0), ("none", 0, 0)], maxWait: 1000), version: 11
        ).partitions
        #expect(
            partitions.map(\.errorCode) == [.unknownTopicOrPartition, .unknownTopicOrPartition])
    }

    @Test func aWholeBatchComesFromTheMiddleAndAboveTheLimits() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t", partitions: 2)
        let values = (0..<10).map { "\($0)" + String(repeating: "x", count: 1000) }
        for partition in 0..<2 {
            _ = try test.broker.append(
                topic: "t", partition: partition, records: values.map { .init($0) })
        }
        let client = try test.client()
        let response = try client.ask(
            fetch([("t", 0, 5), ("t", 1, 0)], maxBytes: 100, partitionMaxBytes: 100), version: 11)
        let counts = try response.partitions.map { try VarveBrokerTests.values($0).count }
        // One partition's batch, whole; the other is left for the next request.
        #expect(counts.sorted() == [0, 10])
    }

    @Test func whatTheLimitLeavesOutComesFirstAnotherTime() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t", partitions: 4)
        for partition in 0..<4 {
            _ = try test.broker.append(
                topic: "t", partition: partition,
                records: [.init(String(repeating: "x", count: 2000))])
        }
        let client = try test.client()
        var served: Set<Int32> = []
        for _ in 0..<4 {
            let response = try client.ask(
                fetch((0..<4).map { ("t", $0, 0) }, maxBytes: 1000), version: 11)
            for partition in response.partitions where partition.records?.isEmpty == false {
                served.insert(partition.partitionIndex)
            }
        }
        #expect(served == [0, 1, 2, 3])
    }

    @Test func readCommittedIsTheSameWithoutTransactionsAndSaysSo() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        _ = try test.broker.append(topic: "t", records: [.init("a")])
        let partition = try test.client().ask(
            fetch([("t", 0, 0)], isolation: 1), version: 11
        ).partitions[0]
        #expect(try values(partition) == ["a"])
        #expect(partition.abortedTransactions == [])
        #expect(partition.lastStableOffset == 1)
    }

    @Test func sessionsAreRefusedAndLeaderEpochsChecked() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        var request = fetch([("t", 0, 0)])
        request.sessionId = 7
        request.sessionEpoch = 3
        #expect(try client.ask(request, version: 11).errorCode == .fetchSessionIdNotFound)
        request = fetch([("t", 0, 0)])
        request.topics[0].partitions[0].currentLeaderEpoch = 3
        #expect(try client.ask(request, version: 11).partitions[0].errorCode == .unknownLeaderEpoch)
    }

    /// A topic whose own codec is zstd; what producers have compressed with it older clients may
    /// know or not, and are given (kafka-python 2 reads it with version 4).
    @Test func topicsInZstdNeedVersion10() throws {
        guard CompressionCodec.zstd.isBuiltIn else { return }
        let test = try TestBroker()
        try test.broker.createTopic("t")
        try test.broker.createTopic("z", configuration: ["compression.type": "zstd"])
        let client = try test.client()
        for topic in ["t", "z"] {
            _ = try client.ask(produce([(topic, 0, try batch(["a"], codec: .zstd))]), version: 9)
        }
        for version in Int16(4)...10 {
            let given = try client.ask(fetch([("t", 0, 0)]), version: version).partitions[0]
            #expect(try values(given) == ["a"])
            let own = try client.ask(fetch([("z", 0, 0)]), version: version).partitions[0]
            if version < 10 {
                #expect(own.errorCode == .unsupportedCompressionType)
                #expect(own.records?.isEmpty ?? true)
            } else {
                #expect(try values(own) == ["a"])
            }
        }
    }
}
