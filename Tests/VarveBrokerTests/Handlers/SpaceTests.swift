import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// What clients see of quotas and of topics made by the hundred.
struct SpaceTests {
    private static func create(_ names: [String], partitions: Int32) -> CreateTopicsRequest {
        var request = CreateTopicsRequest()
        request.timeoutMs = 30_000
        request.topics = names.map { name in
            var topic = CreateTopicsRequest.Topic()
            topic.name = name
            topic.numPartitions = partitions
            topic.replicationFactor = 1
            return topic
        }
        return request
    }

    @Test func aQuotaRefusesRetriablyAndShowsWhereItStands() throws {
        let test = try TestBroker(http: true)
        try test.broker.createTopic("small", configuration: ["varve.quota.bytes": "3000"])
        let client = try test.client()
        func send() throws -> ProduceResponse.Partition {
            try client.ask(
                produce([("small", 0, batch([String(repeating: "x", count: 1000)]))], acks: -1),
                version: 9
            ).outcomes[0]
        }
        #expect(try send().errorCode == .none)
        #expect(try send().errorCode == .none)
        let refused = try send()
        #expect(refused.errorCode == .kafkaStorageError && refused.errorCode.isRetriable)
        #expect(refused.errorMessage?.contains("varve.quota.bytes") == true)
        let http = try test.http()
        try http.send(ByteSlice("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"))
        let metrics = try http.readToEnd().string
        for line in [
            "varve_topic_quota_bytes{topic=\"small\"} 3000", "varve_disk_full 0",
            "varve_appends_refused_total{reason=\"quota\"} 1",
            "varve_disk_reserve_bytes 67108864",
        ] {
            #expect(metrics.contains(line + "\n"), "\(line)")
        }
        // The change is in force at once.
        try test.state.directory.setConfiguration(
            "small", overrides: ["varve.quota.bytes": "4000"])
        #expect(try send().errorCode == .none)
    }

    @Test func topicsOfOneRequestAreMadeTogetherAndAnsweredOneByOne() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t7")
        let client = try test.client()
        let names = (0..<100).map { "t\($0)" } + ["bad name", "__consumer_offsets"]
        let response = try client.ask(Self.create(names, partitions: 2), version: 7)
        #expect(response.topics.map(\.name) == names)
        for topic in response.topics {
            switch topic.name {
            case "t7": #expect(topic.errorCode == .topicAlreadyExists)
            case "bad name", "__consumer_offsets": #expect(topic.errorCode == .invalidTopic)
            default:
                #expect(topic.errorCode == .none && topic.numPartitions == 2)
                #expect(try test.state.directory.topic(topic.name)?.id == topic.topicId)
            }
        }
    }
}
