import Testing
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// Fetch sessions as clients see them.
@Suite struct FetchSessionWireTests {
    private func request(
        _ parts: [(topic: String, partition: Int32, offset: Int64)], _ session: Int32,
        _ epoch: Int32, maxWait: Int32 = 0
    ) -> FetchRequest {
        var request = fetch(parts, maxWait: maxWait)
        request.sessionId = session
        request.sessionEpoch = epoch
        return request
    }

    private func names(_ response: FetchResponse) -> [String] {
        response.responses.flatMap { topic in
            topic.partitions.map { "\(topic.topic)-\($0.partitionIndex)" }
        }
    }

    @Test func onlyChangedPartitionsAreTold() throws {
        let test = try TestBroker()
        for topic in ["a", "b"] { try test.broker.createTopic(topic, partitions: 2) }
        let client = try test.client()
        let all = [("a", Int32(0), Int64(0)), ("a", 1, 0), ("b", 0, 0), ("b", 1, 0)]
        let full = try client.ask(request(all, 0, 0), version: 12)
        let id = full.sessionId
        #expect(id > 0)
        #expect(names(full) == ["a-0", "a-1", "b-0", "b-1"])
        #expect(names(try client.ask(request([], id, 1), version: 12)).isEmpty)
        _ = try test.broker.append(topic: "b", partition: 0, records: [.init("x")])
        let news = try client.ask(request([], id, 2), version: 12)
        #expect(news.sessionId == id)
        #expect(names(news) == ["b-0"])
        #expect(try values(news.partitions[0]) == ["x"])
        // The same records come again until the client says that it has them.
        #expect(names(try client.ask(request([], id, 3), version: 12)) == ["b-0"])
        #expect(names(try client.ask(request([("b", 0, 1)], id, 4), version: 12)).isEmpty)
        // A start that moved is news without records.
        _ = try test.broker.append(topic: "a", partition: 1, records: [.init("y")])
        let moved = try client.ask(request([("a", 1, 1)], id, 5), version: 12)
        #expect(names(moved) == ["a-1"])
        #expect(moved.partitions[0].highWatermark == 1)
        #expect(names(try client.ask(request([], id, 6), version: 12)).isEmpty)
    }

    @Test func errorsAreToldEachTime() throws {
        let test = try TestBroker(settings: ["auto.create.topics.enable": "false"])
        try test.broker.createTopic("a")
        let client = try test.client()
        let full = try client.ask(
            request([("a", 0, 0), ("nope", 0, 0)], 0, 0, maxWait: 10_000), version: 12)
        for epoch in Int32(1)...3 {
            let next = try client.ask(
                request([], full.sessionId, epoch, maxWait: 10_000), version: 12)
            #expect(names(next) == ["nope-0"])
            #expect(next.partitions[0].errorCode == .unknownTopicOrPartition)
        }
        // The topic is made: that is news, and then none any more.
        try test.broker.createTopic("nope")
        #expect(names(try client.ask(request([], full.sessionId, 4), version: 12)) == ["nope-0"])
        #expect(names(try client.ask(request([], full.sessionId, 5), version: 12)).isEmpty)
    }

    @Test func aLongPollOfASessionTellsWhatCame() throws {
        let test = try TestBroker()
        for topic in ["a", "b"] { try test.broker.createTopic(topic) }
        let client = try test.client()
        let full = try client.ask(request([("a", 0, 0), ("b", 0, 0)], 0, 0), version: 12)
        let sent = try client.send(
            request([], full.sessionId, 1, maxWait: 20_000), version: 12)
        #expect(try client.isSilent(for: 100))
        _ = try test.broker.append(topic: "b", records: [.init("x")])
        let news = try client.answer(to: FetchRequest.self, version: 12, id: sent)
        #expect(names(news) == ["b-0"])
        let quiet = try client.ask(
            request([("b", 0, 1)], full.sessionId, 2, maxWait: 50), version: 12)
        #expect(names(quiet).isEmpty)
    }

    @Test func wrongSessionsAndEpochsAreRefused() throws {
        let test = try TestBroker()
        try test.broker.createTopic("a")
        let client = try test.client()
        #expect(
            try client.ask(request([], 99, 1), version: 12).errorCode == .fetchSessionIdNotFound)
        let id = try client.ask(request([("a", 0, 0)], 0, 0), version: 12).sessionId
        #expect(
            try client.ask(request([], id, 7), version: 12).errorCode == .invalidFetchSessionEpoch)
        #expect(
            try client.ask(request([], id, 1), version: 13).errorCode == .fetchSessionTopicIdError)
        #expect(try client.ask(request([], id, 1), version: 12).errorCode == .none)
        #expect(try client.ask(request([("a", 0, 0)], id, -1), version: 12).sessionId == 0)
        #expect(
            try client.ask(request([], id, 2), version: 12).errorCode == .fetchSessionIdNotFound)
    }

    @Test func sessionsGoByTopicIDToo() throws {
        let test = try TestBroker()
        try test.broker.createTopic("a")
        let client = try test.client()
        let topic = try #require(try client.ask(metadata(["a"]), version: 12).topics.first)
        var first = request([("a", 0, 0)], 0, 0)
        first.topics[0].topicId = topic.topicId
        first.topics[0].topic = ""
        let full = try client.ask(first, version: 17)
        #expect(full.responses.map(\.topicId) == [topic.topicId])
        #expect(try client.ask(request([], full.sessionId, 1), version: 17).responses.isEmpty)
        _ = try test.broker.append(topic: "a", records: [.init("x")])
        let news = try client.ask(request([], full.sessionId, 2), version: 17)
        #expect(news.responses.map(\.topicId) == [topic.topicId])
        #expect(try values(news.partitions[0]) == ["x"])
    }

    @Test func withoutSlotsEveryFetchIsFull() throws {
        let test = try TestBroker(settings: ["max.incremental.fetch.session.cache.slots": "0"])
        try test.broker.createTopic("a")
        let full = try test.client().ask(request([("a", 0, 0)], 0, 0), version: 12)
        #expect(full.sessionId == 0 && full.partitions.count == 1)
    }
}
