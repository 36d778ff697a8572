import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// Metadata, and what makes, changes and deletes topics.
struct TopicApiTests {
    private func creation(
        _ name: String, partitions: Int32 = -1, replicas: Int16 = -1,
        configs: [String: String?] = [:]
    ) -> CreateTopicsRequest {
        var topic = CreateTopicsRequest.Topic()
        topic.name = name
        topic.numPartitions = partitions
        topic.replicationFactor = replicas
        topic.configs = configs.map {
            var config = CreateTopicsRequest.Config()
            config.name = $0.key
            config.value = $0.value
            return config
        }
        var request = CreateTopicsRequest()
        request.topics = [topic]
        return request
    }

    @Test func aTopicIsMadeWhenItIsFirstAskedFor() throws {
        let test = try TestBroker(settings: ["num.partitions": "3"])
        let client = try test.client()
        let response = try client.ask(metadata(["new"]))
        #expect(response.topics[0].errorCode == .none)
        #expect(response.topics[0].partitions.count == 3)
        #expect(response.topics[0].partitions.allSatisfy { $0.leaderId == 1 })
        #expect(response.topics[0].topicId != .zero)
        #expect(response.brokers.map(\.port) == [Int32(test.broker.port)])
        #expect(try test.broker.topics() == ["new"])
    }

    @Test func noTopicIsMadeWhereTheRequestOrTheSettingForbidsIt() throws {
        let test = try TestBroker()
        let client = try test.client()
        let forbidden = try client.ask(metadata(["new"], autoCreate: false), version: 4)
        #expect(forbidden.topics[0].errorCode == .unknownTopicOrPartition)
        // Version 3 cannot forbid.
        let old = try client.ask(metadata(["old"], autoCreate: false), version: 3)
        #expect(old.topics[0].errorCode == .none)
        let off = try TestBroker(settings: ["auto.create.topics.enable": "false"])
        #expect(
            try off.client().ask(metadata(["new"])).topics[0].errorCode
                == .unknownTopicOrPartition)
        #expect(try off.broker.topics() == [])
    }

    @Test func namesThatAreOneInMetricsAreNotBothTaken() throws {
        let test = try TestBroker()
        let client = try test.client()
        #expect(try client.ask(creation("a.b_c")).topics[0].errorCode == .none)
        let refused = try client.ask(creation("a_b.c")).topics[0]
        #expect(refused.errorCode == .invalidTopic)
        #expect(refused.errorMessage == "topic 'a_b.c' collides with existing topic: a.b_c")
        var trial = creation("a_b_c")
        trial.validateOnly = true
        #expect(try client.ask(trial).topics[0].errorCode == .invalidTopic)
        #expect(try client.ask(metadata(["a.b.c", "a-b-c"])).topics.map(\.errorCode)
            == [.invalidTopic, .none])
        var both = creation("x.y")
        both.topics += creation("x_y").topics
        #expect(try client.ask(both).topics.map(\.errorCode) == [.none, .invalidTopic])
        #expect(try test.broker.topics() == ["a-b-c", "a.b_c", "x.y"])
        // The name is free when the topic is gone.
        try test.broker.deleteTopic("x.y")
        #expect(try client.ask(creation("x_y")).topics[0].errorCode == .none)
    }

    @Test func invalidNamesAndUnknownIdsSaySo() throws {
        let test = try TestBroker()
        let client = try test.client()
        let response = try client.ask(metadata(["no/good", "", ".."]))
        #expect(response.topics.map(\.errorCode) == [.invalidTopic, .invalidTopic, .invalidTopic])
        var byID = metadata([""])
        byID.topics![0].name = nil
        byID.topics![0].topicId = .random()
        #expect(try client.ask(byID, version: 12).topics[0].errorCode == .unknownTopicId)
    }

    @Test func allTopicsOrNoneByVersion() throws {
        let test = try TestBroker()
        try test.broker.createTopic("a")
        try test.broker.createTopic("b")
        let client = try test.client()
        for version in AdvertisedVersions.served.first(where: { $0.api == .metadata })!.versions {
            let all = try client.ask(metadata(nil), version: version)
            #expect(all.topics.map(\.name) == ["a", "b"], "version \(version)")
            if version > 0 {
                #expect(try client.ask(metadata([]), version: version).topics.isEmpty)
            }
        }
    }

    @Test func createdTopicsHaveWhatWasAskedAndSayIt() throws {
        let test = try TestBroker()
        let client = try test.client()
        let made = try client.ask(
            creation("t", partitions: 4, replicas: 1, configs: ["retention.ms": "1234"]))
        #expect(made.topics[0].errorCode == .none)
        #expect(made.topics[0].numPartitions == 4)
        #expect(made.topics[0].topicId != .zero)
        #expect(
            made.topics[0].configs?.first { $0.name == "retention.ms" }?.value == "1234")
        #expect(try test.broker.partitionCount(of: "t") == 4)
        var trial = creation("trial")
        trial.validateOnly = true
        #expect(try client.ask(trial).topics[0].errorCode == .none)
        #expect(try test.broker.topics() == ["t"])
    }

    @Test func badCreationsAreRefusedWithTheirReason() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        let cases: [(CreateTopicsRequest, ErrorCode)] = [
            (creation("t"), .topicAlreadyExists),
            (creation("no/good"), .invalidTopic),
            (creation("__consumer_offsets"), .invalidTopic),
            (creation("a", partitions: 0), .invalidPartitions),
            (creation("a", partitions: -2), .invalidPartitions),
            (creation("a", partitions: 2_000_000), .invalidPartitions),
            (creation("a", replicas: 0), .invalidReplicationFactor),
            (creation("a", configs: ["nope": "1"]), .invalidConfig),
            (creation("a", configs: ["retention.ms": "soon"]), .invalidConfig),
            (creation("a", configs: ["retention.ms": nil]), .invalidConfig),
        ]
        for (request, code) in cases {
            let outcome = try client.ask(request).topics[0]
            #expect(outcome.errorCode == code)
            #expect(outcome.errorMessage?.isEmpty == false)
        }
        var twice = creation("a")
        twice.topics.append(twice.topics[0])
        #expect(try client.ask(twice).topics.map(\.errorCode) == [.invalidRequest])
        var assigned = creation("assigned")
        var assignment = CreateTopicsRequest.Assignment()
        assignment.brokerIds = [1]
        assigned.topics[0].assignments = [assignment]
        #expect(try client.ask(assigned).topics[0].numPartitions == 1)
        assignment.brokerIds = [2]
        assigned.topics[0].name = "elsewhere"
        assigned.topics[0].assignments = [assignment]
        #expect(
            try client.ask(assigned).topics[0].errorCode == .invalidReplicationAssignment)
    }

    @Test func deletedTopicsAreGoneByNameAndById() throws {
        let test = try TestBroker()
        for name in ["a", "b"] { try test.broker.createTopic(name) }
        let client = try test.client()
        let id = try client.ask(metadata(["b"]), version: 12).topics[0].topicId
        var byName = DeleteTopicsRequest()
        byName.topicNames = ["a", "none"]
        let first = try client.ask(byName, version: 5)
        #expect(first.responses.map(\.errorCode) == [.none, .unknownTopicOrPartition])
        var byID = DeleteTopicsRequest()
        var topic = DeleteTopicsRequest.Topic()
        topic.topicId = id
        byID.topics = [topic, topic]
        let second = try client.ask(byID, version: 6)
        #expect(second.responses.map(\.errorCode) == [.none, .unknownTopicId])
        #expect(second.responses[0].name == "b")
        #expect(try test.broker.topics() == [])
        let off = try TestBroker(settings: ["delete.topic.enable": "false"])
        try off.broker.createTopic("a")
        byName.topicNames = ["a"]
        #expect(
            try off.client().ask(byName, version: 5).responses[0].errorCode
                == .topicDeletionDisabled)
    }

    @Test func partitionsOnlyGrow() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t", partitions: 2)
        let client = try test.client()
        func grow(_ name: String, _ count: Int32, trial: Bool = false) throws -> ErrorCode {
            var topic = CreatePartitionsRequest.Topic()
            topic.name = name
            topic.count = count
            var request = CreatePartitionsRequest()
            request.topics = [topic]
            request.validateOnly = trial
            return try client.ask(request).results[0].errorCode
        }
        #expect(try grow("t", 2) == .invalidPartitions)
        #expect(try grow("t", 1) == .invalidPartitions)
        #expect(try grow("none", 5) == .unknownTopicOrPartition)
        #expect(try grow("t", 5, trial: true) == .none)
        #expect(try test.broker.partitionCount(of: "t") == 2)
        #expect(try grow("t", 5) == .none)
        #expect(try test.broker.partitionCount(of: "t") == 5)
        _ = try test.broker.append(topic: "t", partition: 4, records: [.init("a")])
    }

    @Test func listOffsetsFindsTheEndsAndTimes() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let now = SystemClock().wallMilliseconds()
        for (index, age) in [3000, 1000, 2000].enumerated() {
            _ = try test.broker.append(
                topic: "t",
                records: [.init(value: [UInt8(index)], timestamp: now - Int64(age))])
        }
        let client = try test.client()
        func look(
            _ timestamp: Int64, version: Int16 = 11, count: Int32 = 1
        ) throws -> ListOffsetsResponse.Partition {
            var partition = ListOffsetsRequest.Partition()
            partition.timestamp = timestamp
            partition.maxNumOffsets = count
            var topic = ListOffsetsRequest.Topic()
            topic.name = "t"
            topic.partitions = [partition]
            var request = ListOffsetsRequest()
            request.topics = [topic]
            return try client.ask(request, version: version).topics[0].partitions[0]
        }
        #expect(try look(-1).offset == 3)
        #expect(try look(-2).offset == 0)
        let newest = try look(-3)
        #expect(newest.offset == 1 && newest.timestamp == now - 1000)
        #expect(try look(now - 3000).offset == 0)
        let middle = try look(now - 2500)
        #expect(middle.offset == 1 && middle.timestamp == now - 1000)
        #expect(try look(now + 1).offset == -1)
        // Burrow asks in version 0, and takes what is answered for the end.
        #expect(try look(-1, version: 0).oldStyleOffsets == [3])
        #expect(try look(-2, version: 0).oldStyleOffsets == [0])
        #expect(try look(now - 2500, version: 0).oldStyleOffsets == [1])
        #expect(try look(now + 1, version: 0).oldStyleOffsets == [3])
        #expect(try look(-1, version: 0, count: 0).oldStyleOffsets == [])
        #expect(try look(-3, version: 0).errorCode == .unsupportedVersion)
        #expect(try look(-3, version: 6).errorCode == .unsupportedVersion)
        #expect(try look(-7).errorCode == .unsupportedVersion)
        #expect(try look(-5).offset == -1)
    }

    @Test func configurationsAreDescribedAndChanged() throws {
        let test = try TestBroker(settings: ["log.retention.hours": "2"])
        try test.broker.createTopic("t")
        let client = try test.client()
        func describe(_ type: Int8, _ name: String) throws -> DescribeConfigsResponse.Resource {
            var resource = DescribeConfigsRequest.Resource()
            resource.resourceType = type
            resource.resourceName = name
            var request = DescribeConfigsRequest()
            request.resources = [resource]
            request.includeSynonyms = true
            request.includeDocumentation = true
            return try client.ask(request).results[0]
        }
        func config(_ name: String) throws -> DescribeConfigsResponse.Config {
            try #require(try describe(2, "t").configs.first { $0.name == name })
        }
        let inherited = try config("retention.ms")
        #expect(inherited.value == "7200000")
        #expect(inherited.configSource == 4)
        #expect(inherited.configType == 5)
        #expect(inherited.documentation?.isEmpty == false)
        #expect(inherited.synonyms.map(\.name) == ["log.retention.hours", "log.retention.hours"])
        #expect(inherited.synonyms.map(\.value) == ["2", "168"])
        #expect(inherited.synonyms.map(\.source) == [4, 5])
        #expect(try config("segment.bytes").synonyms.map(\.name) == ["log.segment.bytes"])
        #expect(try config("flush.ms").synonyms.map(\.name) == ["flush.ms"])
        func change(_ operation: Int8, _ name: String, _ value: String?) throws -> ErrorCode {
            var config = IncrementalAlterConfigsRequest.Config()
            config.name = name
            config.configOperation = operation
            config.value = value
            var resource = IncrementalAlterConfigsRequest.Resource()
            resource.resourceType = 2
            resource.resourceName = "t"
            resource.configs = [config]
            var request = IncrementalAlterConfigsRequest()
            request.resources = [resource]
            return try client.ask(request).responses[0].errorCode
        }
        #expect(try change(0, "retention.ms", "5000") == .none)
        #expect(try config("retention.ms").value == "5000")
        #expect(try config("retention.ms").configSource == 1)
        #expect(try change(2, "cleanup.policy", "compact") == .none)
        #expect(try config("cleanup.policy").value == "delete,compact")
        #expect(try change(3, "cleanup.policy", "compact") == .none)
        #expect(try config("cleanup.policy").value == "delete")
        #expect(try change(2, "retention.ms", "1") == .invalidConfig)
        #expect(try change(0, "nope", "1") == .invalidConfig)
        #expect(try change(0, "retention.ms", "soon") == .invalidConfig)
        #expect(try change(1, "retention.ms", nil) == .none)
        #expect(try config("retention.ms").value == "7200000")
        #expect(try change(0, "compression.gzip.level", "9") == .none)
        #expect(try change(0, "compression.gzip.level", "0") == .invalidConfig)
        // What kafka-reassign-partitions sets and clears.
        for name in ["leader", "follower"].map({ $0 + ".replication.throttled.replicas" }) {
            for value in ["0:1,1:1", "*", ""] {
                #expect(try change(0, name, value) == .none)
                #expect(try config(name).value == value)
            }
            #expect(try change(0, name, "0:one") == .invalidConfig)
            #expect(try change(1, name, nil) == .none)
        }
        // AlterConfigs replaces everything that was set.
        #expect(try change(0, "segment.ms", "60000") == .none)
        var resource = AlterConfigsRequest.Resource()
        resource.resourceType = 2
        resource.resourceName = "t"
        var alteration = AlterConfigsRequest.Config()
        alteration.name = "retention.bytes"
        alteration.value = "1000000"
        resource.configs = [alteration]
        var request = AlterConfigsRequest()
        request.resources = [resource]
        #expect(try client.ask(request).responses[0].errorCode == .none)
        #expect(try config("retention.bytes").value == "1000000")
        #expect(try config("segment.ms").configSource == 5)
        // The broker's own.
        let broker = try describe(4, "1")
        #expect(broker.errorCode == .none)
        let names = broker.configs.map(\.name)
        #expect(Set(names).isSuperset(of: BrokerSettings.definitions.map(\.name)))
        #expect(names == Set(names).sorted())
        #expect(
            broker.configs.first { $0.name == "log.retention.hours" }?.value == "2")
        // What counts where a setting is not set stands behind it.
        let unset = try #require(broker.configs.first { $0.name == "log.retention.ms" })
        #expect(unset.value == nil)
        #expect(unset.configSource == 5)
        #expect(unset.synonyms.map(\.name) == ["log.retention.hours", "log.retention.hours"])
        #expect(unset.synonyms.map(\.value) == ["2", "168"])
        #expect(try describe(4, "7").errorCode == .invalidRequest)
        #expect(try describe(2, "none").errorCode == .unknownTopicOrPartition)
    }

    @Test func recordsAreDeletedUpToAnOffset() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        for value in ["a", "b", "c"] {
            _ = try test.broker.append(topic: "t", records: [.init(value)])
        }
        let client = try test.client()
        func trim(_ offset: Int64) throws -> DeleteRecordsResponse.Partition {
            var partition = DeleteRecordsRequest.Partition()
            partition.offset = offset
            var topic = DeleteRecordsRequest.Topic()
            topic.name = "t"
            topic.partitions = [partition]
            var request = DeleteRecordsRequest()
            request.topics = [topic]
            return try client.ask(request).topics[0].partitions[0]
        }
        #expect(try trim(4).errorCode == .offsetOutOfRange)
        #expect(try trim(2).lowWatermark == 2)
        #expect(try test.broker.startOffset(topic: "t") == 2)
        #expect(
            try client.ask(fetch([("t", 0, 0)]), version: 11).partitions[0].errorCode
                == .offsetOutOfRange)
        #expect(try trim(-1).lowWatermark == 3)
        #expect(try test.broker.read(topic: "t", from: 3).isEmpty)
    }

    @Test func theClusterIsThisBroker() throws {
        let test = try TestBroker()
        let client = try test.client()
        var request = DescribeClusterRequest()
        request.includeClusterAuthorizedOperations = true
        let cluster = try client.ask(request)
        #expect(cluster.brokers.map(\.port) == [Int32(test.broker.port)])
        #expect(cluster.controllerId == 1)
        #expect(cluster.clusterId.count == 22)
        request.endpointType = 2
        #expect(try client.ask(request).errorCode == .mismatchedEndpointType)
        var epoch = OffsetForLeaderEpochRequest.Partition()
        epoch.leaderEpoch = 0
        try test.broker.createTopic("t")
        _ = try test.broker.append(topic: "t", records: [.init("a")])
        var topic = OffsetForLeaderEpochRequest.Topic()
        topic.topic = "t"
        topic.partitions = [epoch]
        var epochs = OffsetForLeaderEpochRequest()
        epochs.topics = [topic]
        let end = try client.ask(epochs).topics[0].partitions[0]
        #expect(end.endOffset == 1 && end.leaderEpoch == 0)
    }

    @Test func producerIdsAreNeverHandedOutTwice() throws {
        let directory = TestBroker.makeDirectory()
        var seen: Set<Int64> = []
        for _ in 0..<3 {
            let test = try TestBroker(directory: directory)
            let client = try test.client()
            for _ in 0..<5 {
                let response = try client.ask(InitProducerIdRequest())
                #expect(response.errorCode == .none && response.producerEpoch == 0)
                #expect(seen.insert(response.producerId).inserted)
            }
        }
    }

    @Test func groupsAndTransactionsAreFoundHere() throws {
        let test = try TestBroker()
        let client = try test.client()
        for version in Int16(0)...6 {
            var request = FindCoordinatorRequest()
            request.key = "g"
            request.coordinatorKeys = ["g", "h"]
            let found = try client.ask(request, version: version)
            if version >= 4 {
                #expect(found.coordinators.map(\.key) == ["g", "h"])
                #expect(found.coordinators.allSatisfy { $0.port == Int32(test.broker.port) })
            } else {
                #expect(found.errorCode == .none && found.port == Int32(test.broker.port))
            }
        }
        #expect(try test.broker.topics() == ["__consumer_offsets"])
        #expect(try test.broker.partitionCount(of: "__consumer_offsets") == 2)
        var request = FindCoordinatorRequest()
        request.keyType = 1
        request.coordinatorKeys = ["mine"]
        #expect(try client.ask(request).coordinators[0].port == Int32(test.broker.port))
        #expect(try test.broker.topics() == ["__consumer_offsets", "__transaction_state"])
        request.keyType = 9
        #expect(try client.ask(request).coordinators[0].errorCode == .invalidRequest)
    }
}
