import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// Settings that change while the broker runs.
@Suite struct LiveSettingsTests {
    private func alter(
        _ client: TestClient, _ name: String, _ value: String?, on resource: String = "1",
        trial: Bool = false
    ) throws -> AlterConfigsResponse.Resource {
        let request = IncrementalAlterConfigsRequest {
            $0.validateOnly = trial
            $0.resources = [
                .init {
                    $0.resourceType = ConfigResource.broker
                    $0.resourceName = resource
                    $0.configs = [
                        .init {
                            $0.name = name
                            $0.configOperation = value == nil ? 1 : 0
                            $0.value = value
                        }
                    ]
                }
            ]
        }
        return try client.ask(request).responses[0]
    }

    private func describe(
        _ client: TestClient, _ name: String, type: Int8 = ConfigResource.broker,
        of resource: String = "1"
    ) throws -> DescribeConfigsResponse.Config? {
        let request = DescribeConfigsRequest {
            $0.includeSynonyms = true
            $0.resources = [
                .init {
                    $0.resourceType = type
                    $0.resourceName = resource
                }
            ]
        }
        return try client.ask(request).results[0].configs.first { $0.name == name }
    }

    @Test func aChangedSettingIsInForceAtOnceAndSaysWhereItComesFrom() throws {
        let test = try TestBroker(settings: ["num.partitions": "2"])
        let client = try test.client()
        #expect(try describe(client, "num.partitions")?.configSource == 4)
        #expect(try describe(client, "num.partitions")?.readOnly == false)
        #expect(try alter(client, "num.partitions", "5", on: "").errorCode == .none)
        #expect(try describe(client, "num.partitions")?.configSource == 3)
        #expect(try alter(client, "num.partitions", "7").errorCode == .none)
        let shown = try #require(try describe(client, "num.partitions"))
        #expect(shown.value == "7" && shown.configSource == 2)
        #expect(shown.synonyms.map(\.source) == [2, 3, 4, 5])
        #expect(shown.synonyms.map(\.value) == ["7", "5", "2", "1"])
        #expect(try describe(client, "num.partitions", of: "")?.value == "5")
        _ = try client.ask(metadata(["fresh"]), version: 12)
        #expect(try test.broker.partitionCount(of: "fresh") == 7)
        #expect(try alter(client, "num.partitions", nil).errorCode == .none)
        #expect(try describe(client, "num.partitions")?.value == "5")
        #expect(try describe(client, "num.network.threads")?.readOnly == true)
    }

    @Test func topicsFollowTheirDefaultsUnlessTheySayOtherwise() throws {
        let test = try TestBroker()
        try test.broker.createTopic("plain")
        try test.broker.createTopic("own", configuration: ["max.message.bytes": "300"])
        let client = try test.client()
        let big = try batch([String(repeating: "x", count: 500)])
        #expect(try alter(client, "message.max.bytes", "400").errorCode == .none)
        let shown = try #require(
            try describe(
                client, "max.message.bytes", type: ConfigResource.topic, of: "plain"))
        #expect(shown.value == "400" && shown.configSource == 2)
        func codes() throws -> [ErrorCode] {
            try client.ask(produce([("plain", 0, big), ("own", 0, big)]), version: 9).errors
        }
        #expect(try codes() == [.messageTooLarge, .messageTooLarge])
        #expect(try alter(client, "message.max.bytes", nil).errorCode == .none)
        #expect(try codes() == [.none, .messageTooLarge])
    }

    @Test func whatCannotBeChangedIsRefusedByName() throws {
        let test = try TestBroker()
        let client = try test.client()
        for (name, value) in [
            ("num.network.threads", "2"), ("nope", "1"), ("num.partitions", "many"),
            ("num.partitions", "0"), ("log.retention.minutes", "9223372036854775807"),
        ] {
            let refused = try alter(client, name, value)
            #expect(refused.errorCode == .invalidConfig, "\(name)")
            #expect(refused.errorMessage?.contains(name) == true)
        }
        #expect(try alter(client, "num.partitions", "3", on: "7").errorCode == .invalidRequest)
        #expect(try alter(client, "num.partitions", "3", trial: true).errorCode == .none)
        #expect(try describe(client, "num.partitions")?.value == "1")
    }

    @Test func changesOutliveTheBrokerAndGoBeforeItsStart() throws {
        let directory = TestBroker.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        do {
            let test = try TestBroker(directory: directory)
            let client = try test.client()
            _ = try alter(client, "num.partitions", "4")
            _ = try alter(client, "log.retention.ms", "60000", on: "")
        }
        do {
            let test = try TestBroker(
                settings: ["num.partitions": "9"], directory: directory)
            let client = try test.client()
            #expect(try describe(client, "num.partitions")?.value == "4")
            try test.broker.createTopic("t")
            let shown = try describe(
                client, "retention.ms", type: ConfigResource.topic, of: "t")
            #expect(shown?.value == "60000" && shown?.configSource == 3)
        }
        // A damaged file is set aside, and the broker starts with what it is told.
        let path = directory + "/" + LiveSettings.fileName
        try Data("varve-state 1 0\nnonsense".utf8).write(to: URL(fileURLWithPath: path))
        let test = try TestBroker(settings: ["num.partitions": "9"], directory: directory)
        #expect(try describe(try test.client(), "num.partitions")?.value == "9")
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func moreReplicasThanThereCanBeAreClampedOrRefused() throws {
        let test = try TestBroker()
        let client = try test.client()
        func create(_ name: String, _ replicas: Int16) throws -> CreateTopicsResponse.Topic {
            let request = CreateTopicsRequest {
                $0.topics = [
                    .init {
                        $0.name = name
                        $0.numPartitions = 1
                        $0.replicationFactor = replicas
                    }
                ]
            }
            return try client.ask(request).topics[0]
        }
        let clamped = try create("a", 3)
        #expect(clamped.errorCode == .none && clamped.replicationFactor == 1)
        #expect(try create("b", 0).errorCode == .invalidReplicationFactor)
        #expect(try create("b", -2).errorCode == .invalidReplicationFactor)
        #expect(try alter(client, "varve.replication.factor.clamp", "false").errorCode == .none)
        #expect(try create("b", 3).errorCode == .invalidReplicationFactor)
    }
}
