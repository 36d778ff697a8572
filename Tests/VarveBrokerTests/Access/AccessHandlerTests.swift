import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// Every API refused and allowed, over a socket: what it takes is what Kafka's KafkaApis asks for.
@Suite(.serialized) struct AccessHandlerTests {
    private typealias Right = AccessCase.Right

    private static let authorizer = [
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "group.initial.rebalance.delay.ms": "0",
    ]

    private func broker(_ settings: [String: String] = [:]) throws -> TestBroker {
        let test = try TestBroker(settings: Self.authorizer.merging(settings) { $1 })
        for topic in ["t", "u"] { try test.broker.createTopic(topic) }
        return test
    }

    /// Puts just these rights of everybody in force.
    private func allow(
        _ test: TestBroker, _ rights: [Right], denied: [Right] = []
    ) throws {
        func rules(_ rights: [Right], _ permission: AccessRule.Permission) -> [AccessRule] {
            rights.map { right in
                AccessRule(
                    pattern: .init(
                        type: right.resource.type, name: right.resource.name, form: .literal),
                    principal: "User:ANONYMOUS", host: "127.0.0.1", operation: right.operation,
                    permission: permission)
            }
        }
        let authorizer = try #require(try test.state.authorizer)
        try authorizer.replace(
            with: AccessRuleTable(Set(rules(rights, .allow) + rules(denied, .deny))))
    }

    private static let refusals: Set<ErrorCode> = [
        .topicAuthorizationFailed, .groupAuthorizationFailed, .clusterAuthorizationFailed,
        .transactionalIdAuthorizationFailed,
    ]

    /// The last right of a case is taken away first; then all of them.
    @Test(arguments: AccessCases.all)
    func anAPIIsRefusedWithoutEachOfItsRightsAndAllowedWithAllOfThem(test: AccessCase) throws {
        let broker = try broker()
        let kit = AccessCase.Kit(client: try broker.client(), broker: broker)
        let all = test.rights
        let refused = try #require(try broker.state.authorizer).refused
        try allow(broker, Array(all.dropLast()))
        let codes = try test.ask(kit)
        #expect(!codes.isEmpty && Set(codes) == [test.refusal], "\(codes)")
        #expect(refused.count > 0)
        for missing in all.indices.dropLast() {
            try allow(broker, all.enumerated().filter { $0.offset != missing }.map(\.element))
            #expect(!Set(try test.ask(kit)).isDisjoint(with: Self.refusals))
        }
        try allow(broker, all)
        let allowed = try test.ask(kit)
        #expect(!allowed.isEmpty && Set(allowed).isDisjoint(with: Self.refusals), "\(allowed)")
        // A DENY goes before them.
        try allow(broker, all, denied: [all.last!])
        #expect(Set(try test.ask(kit)) == [test.refusal])
    }

    @Test func aSuperUserMayDoAllOfIt() throws {
        let broker = try broker(["super.users": "User:x;User:ANONYMOUS"])
        let kit = AccessCase.Kit(client: try broker.client(), broker: broker)
        for test in AccessCases.all {
            #expect(Set(try test.ask(kit)).isDisjoint(with: Self.refusals), "\(test)")
        }
        #expect(try broker.state.authorizer?.refused.count == 0)
    }

    @Test func everyAPIIsHereOrNeedsNoRights() {
        let tested = Set(AccessCases.all.map(\.api))
        let others: Set<ApiKey> = [
            .apiVersions, .saslHandshake, .saslAuthenticate,
            // These leave out what the client may not know of, and have tests of their own.
            .listGroups, .listTransactions, .describeCluster,
        ]
        #expect(tested.isDisjoint(with: others))
        #expect(tested.union(others) == Set(AdvertisedVersions.served.map(\.api)))
    }

    // MARK: What is hidden

    @Test func topicsThatMayNotBeDescribedAreHidden() throws {
        let broker = try broker(["auto.create.topics.enable": "true"])
        let client = try broker.client()
        try allow(broker, [Right(.read, .topic("t"))])
        let all = try client.ask(metadata(nil))
        #expect(all.topics.map(\.name) == ["t"])
        let paged = try client.ask(DescribeTopicPartitionsRequest { $0.responsePartitionLimit = 1 })
        #expect(paged.topics.map(\.name) == ["t"] && paged.nextCursor == nil)
        // Nobody can tell one that is hidden from one that is not there.
        let asked = try client.ask(metadata(["t", "u", "none"]))
        #expect(
            asked.topics.map(\.errorCode)
                == [.none, .topicAuthorizationFailed, .topicAuthorizationFailed])
        #expect(asked.topics.dropFirst().allSatisfy { $0.topicId == .zero })
        let id = try #require(try broker.state.directory.topic("u")).id
        let byID = try client.ask(
            MetadataRequest { $0.topics = [.init { ($0.topicId, $0.name) = (id, nil) }] })
        #expect(byID.topics[0].errorCode == .topicAuthorizationFailed)
        #expect(byID.topics[0].name == nil && byID.topics[0].partitions.isEmpty)
        #expect(try broker.state.directory.topic("none") == nil)
    }

    @Test func aTopicIsMadeOnFirstUseByWhoMayMakeIt() throws {
        let broker = try broker()
        let client = try broker.client()
        try allow(broker, [Right(.describe, .topic("*"))])
        #expect(
            try client.ask(metadata(["new"])).topics[0].errorCode == .topicAuthorizationFailed)
        #expect(try broker.state.directory.topic("new") == nil)
        try allow(broker, [Right(.describe, .topic("*")), Right(.create, .topic("new"))])
        #expect(try client.ask(metadata(["new"])).topics[0].errorCode == .none)
        try allow(broker, [Right(.describe, .topic("*")), Right(.create, .cluster)])
        #expect(try client.ask(metadata(["newer"])).topics[0].errorCode == .none)
    }

    @Test func groupsAndTransactionsThatMayNotBeDescribedAreNotListed() throws {
        let broker = try broker()
        let client = try broker.client()
        try allow(
            broker,
            [.topic("*"), .group("*"), .transactionalID("*")].map { Right(.all, $0) })
        for group in ["g", "h"] {
            #expect(try AccessCases.commit(group, "t", client) == [.none])
        }
        for id in ["x", "y"] {
            #expect(try TransactionalClient(client, id: id).initialize() == .none)
        }
        func listed(_ rights: [Right]) throws -> [[String]] {
            try allow(broker, rights)
            let groups = try client.ask(ListGroupsRequest()).groups.map(\.groupId)
            let transactions = try client.ask(ListTransactionsRequest()).transactionStates
                .map(\.transactionalId)
            return [groups.sorted(), transactions.sorted()]
        }
        #expect(try listed([]) == [[], []])
        let some = [Right(.describe, .group("g")), Right(.write, .transactionalID("y"))]
        #expect(try listed(some) == [["g"], ["y"]])
        // The right to describe the cluster is one to list its groups, from old times.
        #expect(try listed([Right(.describe, .cluster)]) == [["g", "h"], []])
    }

    @Test func offsetsOfTopicsThatMayNotBeDescribedAreHidden() throws {
        let broker = try broker()
        let client = try broker.client()
        try allow(broker, [Right(.all, .topic("*")), Right(.read, .group("g"))])
        for topic in ["t", "u"] { #expect(try AccessCases.commit("g", topic, client) == [.none]) }
        try allow(broker, [Right(.read, .topic("t")), Right(.read, .group("g"))])
        let everything = OffsetFetchRequest {
            $0.groups = [.init { ($0.groupId, $0.topics) = ("g", nil) }]
        }
        #expect(try client.ask(everything, version: 9).groups[0].topics.map(\.name) == ["t"])
    }

    @Test func aTopicIsDeletedByItsIDByWhoMay() throws {
        let broker = try broker()
        let client = try broker.client()
        let id = try #require(try broker.state.directory.topic("t")).id
        func delete() throws -> DeleteTopicsResponse.Topic {
            try client.ask(
                DeleteTopicsRequest { $0.topics = [.init { ($0.topicId, $0.name) = (id, nil) }] }
            ).responses[0]
        }
        try allow(broker, [])
        var refused = try delete()
        #expect(refused.errorCode == .topicAuthorizationFailed && refused.name == nil)
        try allow(broker, [Right(.describe, .topic("t"))])
        refused = try delete()
        #expect(refused.errorCode == .topicAuthorizationFailed && refused.name == "t")
        try allow(broker, [Right(.delete, .cluster)])
        #expect(try delete().errorCode == .none)
    }

    @Test func anExpressionMatchesOnlyTopicsThatItsMemberMayKnowOf() throws {
        let broker = try broker()
        let client = try broker.client()
        let topics = try ["t", "u"].map { try #require(try broker.state.directory.topic($0)).id }
        func beat(_ epoch: Int32) throws -> ConsumerGroupHeartbeatResponse {
            try client.ask(
                ConsumerGroupHeartbeatRequest {
                    $0.groupId = "g"
                    $0.memberId = "m"
                    $0.memberEpoch = epoch
                    guard epoch == 0 else { return }
                    $0.rebalanceTimeoutMs = 10_000
                    $0.subscribedTopicRegex = "[tu]"
                    $0.topicPartitions = []
                })
        }
        try allow(broker, [Right(.read, .group("g")), Right(.read, .topic("t"))])
        let joined = try beat(0)
        #expect(joined.errorCode == .none)
        #expect(joined.assignment?.topicPartitions.map(\.topicId) == [topics[0]])
        // A new right counts with the next heartbeat.
        try allow(broker, [Right(.read, .group("g")), Right(.read, .topic("*"))])
        let later = try beat(joined.memberEpoch)
        #expect(Set(later.assignment?.topicPartitions.map(\.topicId) ?? []) == Set(topics))
        // Who may not know of all of a group's topics is not told of its members.
        try allow(broker, [Right(.describe, .group("g")), Right(.read, .topic("t"))])
        let described = try client.ask(ConsumerGroupDescribeRequest { $0.groupIds = ["g"] })
        #expect(described.groups[0].errorCode == .topicAuthorizationFailed)
        #expect(described.groups[0].members.isEmpty)
    }

    @Test func aRefusedTransactionalProducerChangesNothing() throws {
        let broker = try broker()
        let client = try broker.client()
        try allow(broker, [Right(.write, .topic("t")), Right(.write, .transactionalID("x"))])
        let producer = TransactionalClient(client, id: "x", isModern: true)
        #expect(try producer.initialize() == .none)
        let place = TransactionPartition(topic: "t", index: 0)
        for rights in [[Right(.write, .topic("t"))], [Right(.write, .transactionalID("x"))]] {
            try allow(broker, rights)
            let refused = try producer.write(["a"], to: place)
            #expect(Self.refusals.contains(refused))
            #expect(try broker.state.transactions.describe("x")?.openPartitions.isEmpty == true)
        }
    }

    @Test func aRefusedWriteWithoutAcknowledgementsClosesTheConnection() throws {
        let broker = try broker()
        let client = try broker.client()
        try client.send(produce([("t", 0, try batch(["a"]))], acks: 0), version: 9)
        #expect(client.closes())
    }

    // MARK: The rules themselves

    @Test func rulesAreMadeDescribedAndRemovedThroughTheirAPIs() throws {
        let broker = try broker(["super.users": "User:ANONYMOUS"])
        let client = try broker.client()
        func creation(_ name: String, _ operation: Int8) -> CreateAclsRequest.Creation {
            .init {
                $0.resourceType = 2
                $0.resourceName = name
                $0.principal = "User:alice"
                $0.host = "*"
                $0.operation = operation
                $0.permissionType = 3
            }
        }
        let filter = DescribeAclsRequest {
            $0.resourceTypeFilter = 1
            $0.patternTypeFilter = 1
            $0.operation = 1
            $0.permissionType = 1
        }
        let made = try client.ask(
            CreateAclsRequest {
                $0.creations = [creation("a", 3), creation("", 3), creation("a", 4)]
            })
        #expect(made.results.map(\.errorCode) == [.none, .invalidRequest, .none])
        #expect(made.results[1].errorMessage?.contains("empty") == true)
        for wrong in [
            creation("a", 1), creation("a", 99), creation("a", 3).with { $0.resourceType = 1 },
            creation("a", 3).with { $0.resourceType = 4 },
            creation("a", 3).with { $0.permissionType = 1 },
            creation("a", 3).with { $0.resourcePatternType = 2 },
            creation("a", 3).with { $0.principal = "alice" },
        ] {
            let refused = try client.ask(CreateAclsRequest { $0.creations = [wrong] })
            #expect(refused.results.map(\.errorCode) == [.invalidRequest])
            #expect(refused.results[0].errorMessage?.isEmpty == false)
        }
        for version in Int16(0)...3 {
            let told = try client.ask(
                version == 0 ? filter.with { $0.patternTypeFilter = 3 } : filter, version: version)
            #expect(told.errorCode == .none && told.resources.map(\.resourceName) == ["a"])
            #expect(told.resources[0].acls.map(\.operation) == [3, 4])
            #expect(told.resources[0].acls.map(\.principal) == ["User:alice", "User:alice"])
        }
        #expect(
            try client.ask(filter.with { $0.operation = 99 }).errorCode == .invalidRequest)
        let removed = try client.ask(
            DeleteAclsRequest {
                $0.filters = [Int8(3), 99, 3].map { operation in
                    .init {
                        $0.resourceTypeFilter = 2
                        $0.patternTypeFilter = 1
                        $0.operation = operation
                        $0.permissionType = 1
                    }
                }
            })
        #expect(removed.filterResults.map(\.errorCode) == [.none, .invalidRequest, .none])
        #expect(removed.filterResults[0].matchingAcls.map(\.operation) == [3])
        #expect(try client.ask(filter).resources[0].acls.map(\.operation) == [4])
    }

    @Test func rulesAreBounded() throws {
        let broker = try broker(["super.users": "User:ANONYMOUS"])
        let client = try broker.client()
        func make(_ range: Range<Int>, _ text: String) throws -> Set<ErrorCode> {
            let response = try client.ask(
                CreateAclsRequest {
                    $0.creations = range.map { number in
                        .init {
                            $0.resourceType = 3
                            $0.resourceName = "\(number)\(text)"
                            $0.principal = "User:a"
                            $0.host = "*"
                            $0.operation = 3
                            $0.permissionType = 3
                        }
                    }
                })
            return Set(response.results.map(\.errorCode))
        }
        #expect(try make(0..<Authorizer.rulesMax, "") == [.none])
        #expect(try make(0..<1, "x") == [.policyViolation])
        let authorizer = try #require(try broker.state.authorizer)
        try authorizer.replace(with: AccessRuleTable())
        #expect(
            try make(0..<2500, String(repeating: "\u{1}", count: 1000)) == [.policyViolation])
        let kept = authorizer.rules.rules.count
        #expect(kept == 0)
        #expect(try make(0..<1900, String(repeating: "\u{1}", count: 1000)) == [.none])
    }

    @Test func aTopicIsMadeWhoseConfigurationIsNotTold() throws {
        let broker = try broker()
        let client = try broker.client()
        let request = CreateTopicsRequest {
            $0.topics = [
                .init {
                    $0.name = "made"
                    $0.numPartitions = 2
                    $0.replicationFactor = 1
                }
            ]
        }
        try allow(broker, [Right(.create, .cluster)])
        let made = try client.ask(request).topics[0]
        #expect(made.errorCode == .none && made.topicId != .zero)
        #expect(made.topicConfigErrorCode == .topicAuthorizationFailed)
        #expect(made.numPartitions == -1 && made.configs?.isEmpty == true)
    }

    @Test func whoMayWriteSomewhereMayWriteIdempotently() throws {
        let broker = try broker()
        let client = try broker.client()
        for rights in [[Right(.idempotentWrite, .cluster)], [Right(.write, .topic("other"))]] {
            try allow(broker, rights)
            #expect(try client.ask(InitProducerIdRequest()).errorCode == .none)
        }
        try allow(broker, [Right(.read, .topic("other"))])
        #expect(try client.ask(InitProducerIdRequest()).errorCode == .clusterAuthorizationFailed)
    }

    // MARK: What is told of rights

    private func bits(_ operations: AccessOperation...) -> Int32 {
        operations.reduce(0) { $0 | 1 << Int32($1.rawValue) }
    }

    @Test func authorizedOperationsAreThoseOfTheRules() throws {
        let broker = try broker()
        let client = try broker.client()
        try allow(
            broker,
            [
                Right(.read, .topic("t")), Right(.alterConfigs, .topic("t")),
                Right(.describe, .cluster), Right(.create, .cluster), Right(.all, .group("g")),
            ], denied: [Right(.delete, .group("g"))])
        var request = metadata(["t"])
        request.includeTopicAuthorizedOperations = true
        request.includeClusterAuthorizedOperations = true
        let told = try client.ask(request, version: 10)
        #expect(
            told.topics[0].topicAuthorizedOperations
                == bits(.read, .describe, .describeConfigs, .alterConfigs))
        #expect(told.clusterAuthorizedOperations == bits(.describe, .create))
        let cluster = DescribeClusterRequest { $0.includeClusterAuthorizedOperations = true }
        #expect(try client.ask(cluster).clusterAuthorizedOperations == bits(.describe, .create))
        let pages = try client.ask(
            DescribeTopicPartitionsRequest { $0.topics = [.init { $0.name = "t" }] })
        #expect(
            pages.topics[0].topicAuthorizedOperations
                == bits(.read, .describe, .describeConfigs, .alterConfigs))
        let groups = try client.ask(
            DescribeGroupsRequest {
                $0.groups = ["g"]
                $0.includeAuthorizedOperations = true
            }, version: 5)
        #expect(
            groups.groups[0].authorizedOperations
                == bits(.read, .describe, .describeConfigs, .alterConfigs))
        // Who may not describe the cluster hears of nothing.
        try allow(broker, [Right(.create, .cluster)])
        #expect(try client.ask(cluster).clusterAuthorizedOperations == 0)
    }

    @Test func withoutAnAuthorizerEverybodyMayDoEverything() throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("t")
        let client = try broker.client()
        var request = metadata(["t"])
        request.includeTopicAuthorizedOperations = true
        request.includeClusterAuthorizedOperations = true
        let told = try client.ask(request, version: 10)
        #expect(
            told.topics[0].topicAuthorizedOperations
                == bits(
                    .read, .write, .create, .delete, .alter, .describe, .describeConfigs,
                    .alterConfigs))
        #expect(
            told.clusterAuthorizedOperations
                == bits(
                    .create, .alter, .describe, .clusterAction, .describeConfigs, .alterConfigs,
                    .idempotentWrite))
        let kit = AccessCase.Kit(client: client, broker: broker)
        for test in AccessCases.all {
            #expect(Set(try test.ask(kit)).isDisjoint(with: Self.refusals), "\(test)")
        }
    }
}

extension WireValue {
    /// A copy, changed.
    fileprivate func with(_ change: (inout Self) -> Void) -> Self {
        var copy = self
        change(&copy)
        return copy
    }
}
