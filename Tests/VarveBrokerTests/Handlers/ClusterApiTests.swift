import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// What a cluster would have and one broker has not, answered truthfully in every version.
@Suite struct ClusterApiTests {
    /// Every request that the broker says it serves is answered in every version, and with nothing
    /// asked in it does no harm.
    @Test func everyAdvertisedVersionIsAnswered() throws {
        let test = try TestBroker()
        func ask<Request: WireRequest>(_ type: Request.Type, _ versions: ClosedRange<Int16>) throws {
            for version in versions {
                let client = try test.client()
                let id = try client.send(Request(), version: version)
                _ = try client.answer(to: Request.self, version: version, id: id)
            }
        }
        let requests: [any WireRequest.Type] = [
            SaslHandshakeRequest.self, SaslAuthenticateRequest.self,
            AlterReplicaLogDirsRequest.self, DescribeLogDirsRequest.self,
            DescribeClientQuotasRequest.self, AlterClientQuotasRequest.self,
            DescribeTopicPartitionsRequest.self, ListConfigResourcesRequest.self,
            ElectLeadersRequest.self, AlterPartitionReassignmentsRequest.self,
            ListPartitionReassignmentsRequest.self, DescribeQuorumRequest.self,
            UpdateFeaturesRequest.self, DescribeUserScramCredentialsRequest.self,
            AlterUserScramCredentialsRequest.self, DescribeAclsRequest.self,
            CreateAclsRequest.self, DeleteAclsRequest.self,
        ]
        for request in requests {
            let served = try #require(
                AdvertisedVersions.served.first { $0.api == request.api }, "\(request.api)")
            try ask(request, served.versions)
        }
    }

    /// As kafka-configs --describe asks, which goes through all kinds.
    @Test func quotasOfAddressesAreNoneAndCannotBeMade() throws {
        let test = try TestBroker()
        let client = try test.client()
        func asked(_ types: [String]) throws -> DescribeClientQuotasResponse {
            try client.ask(
                DescribeClientQuotasRequest {
                    $0.components = types.map { type in
                        .init {
                            $0.entityType = type
                            $0.matchType = 2
                        }
                    }
                })
        }
        let answer = try asked(["ip"])
        #expect(answer.errorCode == .none)
        #expect(answer.entries?.isEmpty == true)
        #expect(try asked(["ip", "user"]).errorCode == .invalidRequest)
        #expect(try asked(["planet"]).errorCode == .invalidRequest)
        let refused = try client.ask(
            AlterClientQuotasRequest {
                $0.entries = [
                    .init {
                        $0.entity = [
                            .init {
                                $0.entityType = "ip"
                                $0.entityName = "127.0.0.1"
                            }
                        ]
                        $0.ops = [
                            .init {
                                $0.key = "connection_creation_rate"
                                $0.value = 1
                            }
                        ]
                    }
                ]
            })
        #expect(refused.entries[0].errorCode == .invalidRequest)
    }

    @Test func authenticationIsRefusedWithTheReason() throws {
        let test = try TestBroker()
        let client = try test.client()
        for version in Int16(0)...1 {
            let refused = try client.ask(
                SaslHandshakeRequest { $0.mechanism = "PLAIN" }, version: version)
            #expect(refused.errorCode == .illegalSaslState)
            #expect(refused.mechanisms.isEmpty)
        }
        let refused = try client.ask(SaslAuthenticateRequest())
        #expect(refused.errorCode == .illegalSaslState)
        #expect(refused.errorMessage?.contains("not configured") == true)
    }

    @Test func theDataDirectoryIsDescribedWithItsSizes() throws {
        let test = try TestBroker()
        try test.broker.createTopic("a", partitions: 2)
        try test.broker.createTopic("b")
        _ = try test.broker.append(topic: "a", partition: 1, records: [.init("hello")])
        let client = try test.client()
        for version in Int16(0)...5 {
            let all = try client.ask(DescribeLogDirsRequest(), version: version)
            let found = try #require(all.results.first)
            #expect(all.errorCode == .none && all.results.count == 1)
            #expect(found.logDir == test.directory)
            #expect(found.topics.map(\.name) == ["a", "b"])
            let sizes = found.topics[0].partitions.map(\.partitionSize)
            #expect(sizes[0] == 0 && sizes[1] > 60)
            if version >= 4 {
                #expect(found.usableBytes > 0 && found.totalBytes >= found.usableBytes)
            }
        }
        let some = try client.ask(
            DescribeLogDirsRequest {
                $0.topics = [
                    .init {
                        $0.topic = "a"
                        $0.partitions = [1, 7]
                    },
                    .init { $0.topic = "nope" },
                ]
            })
        #expect(some.results[0].topics.map(\.name) == ["a"])
        #expect(some.results[0].topics[0].partitions.map(\.partitionIndex) == [1])
    }

    /// There is one directory: what is to lie in it does, and there is no other to move to.
    @Test func partitionsMoveToNoOtherDirectory() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t", partitions: 2)
        let client = try test.client()
        for version in Int16(1)...2 {
            let moves: [(String, [Int32])] = [(test.directory, [0, 7]), ("/elsewhere", [1])]
            let request = AlterReplicaLogDirsRequest {
                $0.dirs = moves.map { path, indexes in
                    .init {
                        $0.path = path
                        $0.topics = [
                            .init {
                                $0.name = "t"
                                $0.partitions = indexes
                            }
                        ]
                    }
                }
            }
            let results = try client.ask(request, version: version).results
            #expect(results.map(\.topicName) == ["t"])
            #expect(results[0].partitions.map(\.partitionIndex) == [0, 7, 1])
            #expect(
                results[0].partitions.map(\.errorCode)
                    == [.none, .unknownTopicOrPartition, .logDirNotFound])
        }
    }

    @Test(arguments: [1, 2, 3, 5, 100, 0, -1])
    func pagesOfPartitionsAreAllOfThem(limit: Int32) throws {
        let test = try TestBroker()
        for (name, count) in [("a", 3), ("b", 1), ("c", 4)] {
            try test.broker.createTopic(name, partitions: count)
        }
        let client = try test.client()
        var found: [String] = []
        var request = DescribeTopicPartitionsRequest { $0.responsePartitionLimit = limit }
        for _ in 0..<20 {
            let page = try client.ask(request)
            let names = page.topics.flatMap { topic in
                topic.partitions.map { "\(topic.name ?? "")-\($0.partitionIndex)" }
            }
            #expect(names.count <= max(1, Int(limit)))
            found += names
            guard let next = page.nextCursor else { break }
            request.cursor = .init {
                $0.topicName = next.topicName
                $0.partitionIndex = next.partitionIndex
            }
        }
        #expect(found == ["a-0", "a-1", "a-2", "b-0", "c-0", "c-1", "c-2", "c-3"])
    }

    @Test func topicsArePagedByName() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        let named = try client.ask(
            DescribeTopicPartitionsRequest {
                $0.topics = ["t", "nope", "b/d", "t"].map { name in .init { $0.name = name } }
            })
        #expect(named.topics.map(\.name) == ["b/d", "nope", "t"])
        #expect(
            named.topics.map(\.errorCode) == [.invalidTopic, .unknownTopicOrPartition, .none])
        let partition = try #require(named.topics[2].partitions.first)
        #expect(partition.leaderId == 1 && partition.isrNodes == [1])
        #expect(named.topics[2].topicId != .zero)
        // A cursor beyond the end, or at a topic that was deleted meanwhile.
        for cursor in [("t", Int32(5)), ("zzz", 0), ("t", Int32.max)] {
            let page = try client.ask(
                DescribeTopicPartitionsRequest {
                    $0.cursor = .init {
                        $0.topicName = cursor.0
                        $0.partitionIndex = cursor.1
                    }
                })
            #expect(page.topics.allSatisfy { $0.partitions.isEmpty })
            #expect(page.nextCursor == nil)
        }
    }

    @Test func resourcesWithConfigurationsAreListed() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        #expect(
            try client.ask(ListConfigResourcesRequest(), version: 0).configResources.isEmpty)
        func list(_ types: [Int8]) throws -> ListConfigResourcesResponse {
            try client.ask(ListConfigResourcesRequest { $0.resourceTypes = types })
        }
        #expect(
            try list([]).configResources.map { "\($0.resourceType) \($0.resourceName)" }
                == ["2 t", "4 1", "8 1"])
        #expect(try list([2]).configResources.map(\.resourceName) == ["t"])
        #expect(try list([16, 32]).configResources.isEmpty)
        #expect(try list([3]).errorCode == .unsupportedVersion)
        // What is listed can be described, and loggers have nothing.
        let listed = try list([]).configResources
        let described = try client.ask(
            DescribeConfigsRequest {
                $0.resources = listed.map { resource in
                    .init {
                        $0.resourceType = resource.resourceType
                        $0.resourceName = resource.resourceName
                    }
                }
            })
        #expect(described.results.allSatisfy { $0.errorCode == .none })
        #expect(described.results.map { $0.configs.isEmpty } == [false, false, true])
    }

    @Test func groupsHaveConfigurationsOfTheirOwn() throws {
        let test = try TestBroker(
            settings: ["group.consumer.min.session.timeout.ms": "10000"])
        try test.broker.createTopic("t")
        let client = try test.client()
        func alter(
            _ group: String, _ configs: [(name: String, value: String?)], operation: Int8 = 0,
            isTrial: Bool = false
        ) throws -> (code: ErrorCode, text: String?) {
            let response = try client.ask(
                IncrementalAlterConfigsRequest {
                    $0.validateOnly = isTrial
                    $0.resources = [
                        .init {
                            $0.resourceType = 32
                            $0.resourceName = group
                            $0.configs = configs.map { config in
                                .init {
                                    $0.name = config.name
                                    $0.configOperation = operation
                                    $0.value = config.value
                                }
                            }
                        }
                    ]
                }
            ).responses[0]
            return (response.errorCode, response.errorMessage)
        }
        func described(_ group: String) throws -> [String] {
            try client.ask(
                DescribeConfigsRequest {
                    $0.includeSynonyms = true
                    $0.resources = [
                        .init {
                            $0.resourceType = 32
                            $0.resourceName = group
                        }
                    ]
                }
            ).results[0].configs.map {
                "\($0.name) \($0.value ?? "-") \($0.configSource) \($0.synonyms.count)"
            }
        }
        let standard = [
            "consumer.heartbeat.interval.ms 5000 5 1", "consumer.session.timeout.ms 45000 5 1",
        ]
        #expect(try described("g") == standard)
        let (session, interval) = (
            "consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"
        )
        #expect(try alter("g", [(session, "50000")], isTrial: true).code == .none)
        #expect(try described("g") == standard)
        for (name, value) in [
            (session, "9999"), (session, "60001"), (session, "x"), (interval, "4999"),
            (interval, "15001"), ("share.session.timeout.ms", "45000"),
            ("streams.session.timeout.ms", "45000"), ("nonsense", "1"),
        ] {
            let (code, text) = try alter("g", [(name, value)])
            #expect(code == .invalidConfig && text?.contains(name) == true, "\(name)=\(value)")
        }
        // A member that beats less often than it may be silent would be fenced all the time.
        #expect(
            try alter("g", [(session, "10000"), (interval, "10000")]).code == .invalidConfig)
        #expect(try alter("", [(session, "50000")]).code == .invalidRequest)

        func beat(_ epoch: Int32) throws -> Int32 {
            try client.ask(
                ConsumerGroupHeartbeatRequest {
                    $0.groupId = "g"
                    $0.memberId = "m"
                    $0.memberEpoch = epoch
                    if epoch == 0 {
                        $0.rebalanceTimeoutMs = 10_000
                        $0.subscribedTopicNames = ["t"]
                        $0.topicPartitions = []
                    }
                }
            ).heartbeatIntervalMs
        }
        #expect(try beat(0) == 5000)
        #expect(try alter("g", [(session, "12000"), (interval, "6000")]).code == .none)
        #expect(try beat(1) == 6000, "its members are told with their next heartbeat")
        let groups = try test.state.groups
        #expect(groups.describeConsumers("g")?.limits.sessionTimeout == 12_000)
        #expect(
            try described("g") == [
                "consumer.heartbeat.interval.ms 6000 8 2", "consumer.session.timeout.ms 12000 8 2",
            ])
        func listed() throws -> [String] {
            try client.ask(ListConfigResourcesRequest { $0.resourceTypes = [32] })
                .configResources.map(\.resourceName)
        }
        #expect(try listed() == ["g"])

        try test.broker.stop()
        try test.broker.start()
        let later = try test.client()
        #expect(
            try later.ask(ListConfigResourcesRequest { $0.resourceTypes = [32] })
                .configResources.map(\.resourceName) == ["g"])
        let restored = try test.state.groups
        #expect(restored.describeConsumers("g")?.limits.sessionTimeout == 12_000)
        let cleared = try later.ask(
            AlterConfigsRequest {
                $0.resources = [
                    .init {
                        $0.resourceType = 32
                        $0.resourceName = "g"
                    }
                ]
            })
        #expect(cleared.responses[0].errorCode == .none)
        #expect(restored.limits(of: "g").heartbeatInterval == 5000)
        #expect(
            try later.ask(ListConfigResourcesRequest { $0.resourceTypes = [32] })
                .configResources.isEmpty)
    }

    @Test func noElectionIsEverNeeded() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        for version in Int16(0)...2 {
            let request = ElectLeadersRequest {
                $0.topicPartitions = [
                    .init {
                        $0.topic = "t"
                        $0.partitions = [0, 1]
                    }
                ]
            }
            let outcome = try client.ask(request, version: version).replicaElectionResults[0]
            #expect(
                outcome.partitionResult.map(\.errorCode)
                    == [.electionNotNeeded, .unknownTopicOrPartition])
        }
        #expect(try client.ask(ElectLeadersRequest()).replicaElectionResults.isEmpty)
        #expect(
            try client.ask(ElectLeadersRequest { $0.electionType = 2 }).errorCode
                == .invalidRequest)
    }

    @Test func partitionsMoveNowhere() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        func move(_ partition: Int32, _ replicas: [Int32]?) throws -> ErrorCode {
            let request = AlterPartitionReassignmentsRequest {
                $0.topics = [
                    .init {
                        $0.name = "t"
                        $0.partitions = [
                            .init {
                                $0.partitionIndex = partition
                                $0.replicas = replicas
                            }
                        ]
                    }
                ]
            }
            return try client.ask(request).responses[0].partitions[0].errorCode
        }
        #expect(try move(0, [1]) == .none)
        #expect(try move(0, [1, 2]) == .invalidReplicationAssignment)
        #expect(try move(0, [2]) == .invalidReplicationAssignment)
        #expect(try move(0, []) == .invalidReplicationAssignment)
        #expect(try move(0, nil) == .noReassignmentInProgress)
        #expect(try move(9, [1]) == .unknownTopicOrPartition)
        #expect(try client.ask(ListPartitionReassignmentsRequest()).topics.isEmpty)
    }

    @Test func theQuorumIsThisBroker() throws {
        let test = try TestBroker()
        let client = try test.client()
        for version in Int16(0)...2 {
            let answer = try client.ask(
                DescribeQuorumRequest {
                    $0.topics = [
                        .init {
                            $0.topicName = "__cluster_metadata"
                            $0.partitions = [0, 1].map { index in
                                .init { $0.partitionIndex = index }
                            }
                        }
                    ]
                }, version: version)
            let partitions = answer.topics[0].partitions
            #expect(partitions.map(\.errorCode) == [.none, .unknownTopicOrPartition])
            #expect(partitions[0].leaderId == 1)
            #expect(partitions[0].currentVoters.map(\.replicaId) == [1])
            if version >= 2 {
                #expect(answer.nodes[0].listeners[0].port == UInt16(test.broker.port))
            }
        }
    }

    @Test func whatNeedsAuthenticationIsRefusedByName() throws {
        let test = try TestBroker()
        let client = try test.client()
        #expect(try client.ask(DescribeAclsRequest()).errorCode == .securityDisabled)
        #expect(
            try client.ask(CreateAclsRequest { $0.creations = [.init(), .init()] }).results
                .map(\.errorCode) == [.securityDisabled, .securityDisabled])
        #expect(
            try client.ask(DeleteAclsRequest { $0.filters = [.init()] }).filterResults
                .map(\.errorCode) == [.securityDisabled])
        #expect(try client.ask(DescribeUserScramCredentialsRequest()).results.isEmpty)
        let users = try client.ask(
            DescribeUserScramCredentialsRequest { $0.users = [.init { $0.name = "u" }] })
        #expect(users.results.map(\.errorCode) == [.resourceNotFound])
        let altered = try client.ask(
            AlterUserScramCredentialsRequest {
                $0.deletions = [.init { $0.name = "a" }]
                $0.upsertions = [.init { $0.name = "a" }, .init { $0.name = "b" }]
            })
        #expect(altered.results.map(\.user) == ["a", "b"])
        #expect(
            altered.results.map(\.errorCode) == [.resourceNotFound, .unsupportedSaslMechanism])
        let update = UpdateFeaturesRequest {
            $0.featureUpdates = [.init { $0.feature = "metadata.version" }]
        }
        #expect(
            try client.ask(update, version: 1).results.map(\.errorCode) == [.invalidUpdateVersion])
        #expect(try client.ask(update, version: 2).errorCode == .invalidUpdateVersion)
    }
}
