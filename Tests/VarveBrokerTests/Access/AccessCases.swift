import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// A request, the rights that it takes, and what is answered where the last of them is missing.
struct AccessCase: CustomTestStringConvertible, Sendable {
    struct Right: Sendable {
        let operation: AccessOperation
        let resource: AccessResource

        init(_ operation: AccessOperation, _ resource: AccessResource) {
            self.operation = operation
            self.resource = resource
        }
    }

    /// Whom to ask.
    struct Kit {
        let client: TestClient
        let broker: TestBroker

        func ask<Request: WireRequest>(
            _ version: Int16? = nil, _ fill: (inout Request) -> Void
        ) throws -> Request.Response {
            try client.ask(Request(fill), version: version)
        }

        func id(_ topic: String) throws -> UniqueID {
            try broker.state.directory.topic(topic)?.id ?? .zero
        }
    }

    let api: ApiKey
    let rights: [Right]
    let refusal: ErrorCode
    /// Sends the request and returns the codes of the answer.
    let ask: @Sendable (Kit) throws -> [ErrorCode]
    var testDescription: String {
        let rights = rights.map { "\($0.operation.name) \($0.resource.type.name)" }
        return "\(api.name): \(rights.joined(separator: ", "))"
    }

    init(
        _ api: ApiKey, _ rights: [Right], _ ask: @escaping @Sendable (Kit) throws -> [ErrorCode]
    ) {
        self.api = api
        self.rights = rights
        refusal =
            switch rights.last!.resource.type {
            case .topic: .topicAuthorizationFailed
            case .group: .groupAuthorizationFailed
            case .transactionalID: .transactionalIdAuthorizationFailed
            default: .clusterAuthorizationFailed
            }
        self.ask = ask
    }
}

/// The rights that each API takes, by Kafka's KafkaApis and ControllerApis.
enum AccessCases {
    private typealias Right = AccessCase.Right
    private typealias Kit = AccessCase.Kit

    static let all: [AccessCase] = data + groups + transactions + topics + cluster

    /// Commits an offset from outside a group.
    static func commit(_ group: String, _ topic: String, _ client: TestClient) throws -> [ErrorCode]
    {
        let request = OffsetCommitRequest {
            $0.groupId = group
            $0.generationIdOrMemberEpoch = -1
            $0.topics = [
                .init {
                    $0.name = topic
                    $0.partitions = [.init { $0.committedOffset = 1 }]
                }
            ]
        }
        return try client.ask(request, version: 9).topics.flatMap {
            $0.partitions.map(\.errorCode)
        }
    }

    private static let data: [AccessCase] = [
        AccessCase(.produce, [Right(.write, .topic("t"))]) { kit in
            let byName = produce([("t", 0, try batch(["a"]))])
            var byID = byName
            byID.topicData[0].topicId = try kit.id("t")
            return try kit.client.ask(byName, version: 9).errors
                + kit.client.ask(byID, version: 13).errors
        },
        AccessCase(.produce, [Right(.write, .topic("t")), Right(.write, .transactionalID("x"))]) {
            kit in
            var request = produce([("t", 0, try batch(["a"]))])
            request.transactionalId = "x"
            return try kit.client.ask(request, version: 9).errors
                + kit.client.ask(request, version: 12).errors
        },
        AccessCase(.fetch, [Right(.read, .topic("t"))]) { kit in
            let byName = fetch([("t", 0, 0), ("t", 7, 0)])
            var byID = byName
            byID.topics[0].topicId = try kit.id("t")
            return try kit.client.ask(byName, version: 12).partitions.map(\.errorCode)
                + kit.client.ask(byID, version: 16).partitions.map(\.errorCode)
        },
        AccessCase(.listOffsets, [Right(.describe, .topic("t"))]) { kit in
            try [Int16(0), 9].flatMap { version in
                try kit.ask(version) { (request: inout ListOffsetsRequest) in
                    request.topics = [
                        .init {
                            $0.name = "t"
                            $0.partitions = [.init { $0.timestamp = -1 }]
                        }
                    ]
                }.topics.flatMap { $0.partitions.map(\.errorCode) }
            }
        },
        AccessCase(.metadata, [Right(.describe, .topic("t"))]) { kit in
            let id = try kit.id("t")
            return try kit.client.ask(metadata(["t"])).topics.map(\.errorCode)
                + kit.ask { (request: inout MetadataRequest) in
                    request.topics = [.init { ($0.topicId, $0.name) = (id, nil) }]
                }.topics.map(\.errorCode)
        },
        AccessCase(.describeTopicPartitions, [Right(.describe, .topic("t"))]) { kit in
            try kit.ask { (request: inout DescribeTopicPartitionsRequest) in
                request.topics = [.init { $0.name = "t" }]
            }.topics.map(\.errorCode)
        },
        AccessCase(.offsetForLeaderEpoch, [Right(.describe, .topic("t"))], leaderEpochs),
        AccessCase(.offsetForLeaderEpoch, [Right(.clusterAction, .cluster)]) { kit in
            // What is refused for want of either right is a topic.
            try leaderEpochs(kit).map {
                $0 == .topicAuthorizationFailed ? .clusterAuthorizationFailed : $0
            }
        },
        AccessCase(.describeProducers, [Right(.read, .topic("t"))]) { kit in
            try kit.ask { (request: inout DescribeProducersRequest) in
                request.topics = [
                    .init {
                        $0.name = "t"
                        $0.partitionIndexes = [0]
                    }
                ]
            }.topics.flatMap { $0.partitions.map(\.errorCode) }
        },
        AccessCase(.deleteRecords, [Right(.delete, .topic("t"))]) { kit in
            try kit.ask { (request: inout DeleteRecordsRequest) in
                request.topics = [
                    .init {
                        $0.name = "t"
                        $0.partitions = [.init { $0.offset = 0 }]
                    }
                ]
            }.topics.flatMap { $0.partitions.map(\.errorCode) }
        },
    ]

    @Sendable private static func leaderEpochs(_ kit: AccessCase.Kit) throws -> [ErrorCode] {
        try kit.ask { (request: inout OffsetForLeaderEpochRequest) in
            request.topics = [
                .init {
                    $0.topic = "t"
                    $0.partitions = [.init { $0.currentLeaderEpoch = -1 }]
                }
            ]
        }.topics.flatMap { $0.partitions.map(\.errorCode) }
    }

    private static let groups: [AccessCase] = [
        AccessCase(.offsetCommit, [Right(.read, .topic("t")), Right(.read, .group("g"))]) { kit in
            try commit("g", "t", kit.client)
        },
        AccessCase(.offsetCommit, [Right(.read, .group("g")), Right(.read, .topic("t"))]) { kit in
            try commit("g", "t", kit.client)
        },
        AccessCase(.offsetFetch, [Right(.describe, .topic("t")), Right(.describe, .group("g"))]) {
            try fetchedOffsets($0)
        },
        AccessCase(.offsetFetch, [Right(.describe, .group("g")), Right(.describe, .topic("t"))]) {
            try fetchedOffsets($0)
        },
        AccessCase(
            .offsetDelete, [Right(.read, .topic("t")), Right(.delete, .group("g"))],
            deletedOffsets),
        AccessCase(
            .offsetDelete, [Right(.delete, .group("g")), Right(.read, .topic("t"))],
            deletedOffsets),
        AccessCase(.findCoordinator, [Right(.describe, .group("g"))]) { kit in
            try coordinators(kit, key: "g", type: 0)
        },
        AccessCase(.findCoordinator, [Right(.describe, .transactionalID("x"))]) { kit in
            try coordinators(kit, key: "x", type: 1)
        },
        AccessCase(.joinGroup, [Right(.read, .group("g"))]) { kit in
            [
                try kit.ask { (request: inout JoinGroupRequest) in
                    request.groupId = "g"
                    request.protocolType = "consumer"
                    request.protocols = [.init { $0.name = "range" }]
                    request.sessionTimeoutMs = 10_000
                }.errorCode
            ]
        },
        AccessCase(.heartbeat, [Right(.read, .group("g"))]) { kit in
            [try kit.ask { (request: inout HeartbeatRequest) in request.groupId = "g" }.errorCode]
        },
        AccessCase(.syncGroup, [Right(.read, .group("g"))]) { kit in
            [try kit.ask { (request: inout SyncGroupRequest) in request.groupId = "g" }.errorCode]
        },
        AccessCase(.leaveGroup, [Right(.read, .group("g"))]) { kit in
            try [Int16(0), 5].map { version in
                try kit.ask(version) { (request: inout LeaveGroupRequest) in
                    request.groupId = "g"
                }.errorCode
            }
        },
        AccessCase(.describeGroups, [Right(.describe, .group("g"))]) { kit in
            try kit.ask { (request: inout DescribeGroupsRequest) in request.groups = ["g"] }
                .groups.map(\.errorCode)
        },
        AccessCase(.deleteGroups, [Right(.delete, .group("g"))]) { kit in
            try kit.ask { (request: inout DeleteGroupsRequest) in request.groupsNames = ["g"] }
                .results.map(\.errorCode)
        },
        AccessCase(
            .consumerGroupHeartbeat, [Right(.read, .group("k")), Right(.describe, .topic("t"))],
            consumerHeartbeat),
        AccessCase(
            .consumerGroupHeartbeat, [Right(.describe, .topic("t")), Right(.read, .group("k"))],
            consumerHeartbeat),
        AccessCase(.consumerGroupDescribe, [Right(.describe, .group("g"))]) { kit in
            try kit.ask { (request: inout ConsumerGroupDescribeRequest) in
                request.groupIds = ["g"]
            }.groups.map(\.errorCode)
        },
    ]

    @Sendable private static func consumerHeartbeat(_ kit: AccessCase.Kit) throws -> [ErrorCode] {
        [
            try kit.ask { (request: inout ConsumerGroupHeartbeatRequest) in
                request.groupId = "k"
                request.memberId = "m"
                request.rebalanceTimeoutMs = 10_000
                request.subscribedTopicNames = ["t"]
                request.topicPartitions = []
            }.errorCode
        ]
    }

    private static func fetchedOffsets(_ kit: AccessCase.Kit) throws -> [ErrorCode] {
        let old = try kit.ask(1) { (request: inout OffsetFetchRequest) in
            request.groupId = "g"
            request.topics = [
                .init {
                    $0.name = "t"
                    $0.partitionIndexes = [0]
                }
            ]
        }
        let id = try kit.id("t")
        let new = try [Int16(9), 10].flatMap { version -> [OffsetFetchResponse.Group] in
            try kit.ask(version) { (request: inout OffsetFetchRequest) in
                request.groups = [
                    .init {
                        $0.groupId = "g"
                        $0.topics = [
                            .init {
                                $0.name = "t"
                                $0.topicId = id
                                $0.partitionIndexes = [0]
                            }
                        ]
                    }
                ]
            }.groups
        }
        return old.topics.flatMap { $0.partitions.map(\.errorCode) }
            + new.flatMap { group in
                group.errorCode == .none
                    ? group.topics.flatMap { $0.partitions.map(\.errorCode) } : [group.errorCode]
            }
    }

    @Sendable private static func deletedOffsets(_ kit: AccessCase.Kit) throws -> [ErrorCode] {
        // A group that is not there would hide the topic's code.
        try kit.broker.commit("g", "t")
        let answer = try kit.ask { (request: inout OffsetDeleteRequest) in
            request.groupId = "g"
            request.topics = [
                .init {
                    $0.name = "t"
                    $0.partitions = [.init()]
                }
            ]
        }
        return answer.errorCode == .none
            ? answer.topics.flatMap { $0.partitions.map(\.errorCode) } : [answer.errorCode]
    }

    private static func coordinators(
        _ kit: AccessCase.Kit, key: String, type: Int8
    ) throws -> [ErrorCode] {
        let old = try kit.ask(2) { (request: inout FindCoordinatorRequest) in
            request.key = key
            request.keyType = type
        }
        let new = try kit.ask { (request: inout FindCoordinatorRequest) in
            request.coordinatorKeys = [key]
            request.keyType = type
        }
        return [old.errorCode] + new.coordinators.map(\.errorCode)
    }

    private static let transactions: [AccessCase] = [
        AccessCase(.initProducerId, [Right(.idempotentWrite, .cluster)]) { kit in
            [try kit.ask { (_: inout InitProducerIdRequest) in }.errorCode]
        },
        AccessCase(.initProducerId, [Right(.write, .transactionalID("x"))]) { kit in
            [
                try kit.ask { (request: inout InitProducerIdRequest) in
                    request.transactionalId = "x"
                    request.transactionTimeoutMs = 1000
                }.errorCode
            ]
        },
        AccessCase(
            .addPartitionsToTxn, [Right(.write, .topic("t")), Right(.write, .transactionalID("x"))],
            addedPartitions),
        AccessCase(
            .addPartitionsToTxn, [Right(.write, .transactionalID("x")), Right(.write, .topic("t"))],
            addedPartitions),
        AccessCase(.addPartitionsToTxn, [Right(.clusterAction, .cluster)]) { kit in
            [
                try kit.ask(4) { (request: inout AddPartitionsToTxnRequest) in
                    request.transactions = [.init { $0.transactionalId = "x" }]
                }.errorCode
            ]
        },
        AccessCase(
            .addOffsetsToTxn, [Right(.read, .group("g")), Right(.write, .transactionalID("x"))],
            addedOffsets),
        AccessCase(
            .addOffsetsToTxn, [Right(.write, .transactionalID("x")), Right(.read, .group("g"))],
            addedOffsets),
        AccessCase(.endTxn, [Right(.write, .transactionalID("x"))]) { kit in
            [
                try kit.ask { (request: inout EndTxnRequest) in request.transactionalId = "x" }
                    .errorCode
            ]
        },
        AccessCase(
            .txnOffsetCommit,
            [
                Right(.write, .transactionalID("x")), Right(.read, .group("g")),
                Right(.read, .topic("t")),
            ], transactionalOffsets),
        AccessCase(
            .txnOffsetCommit,
            [
                Right(.read, .topic("t")), Right(.write, .transactionalID("x")),
                Right(.read, .group("g")),
            ], transactionalOffsets),
        AccessCase(
            .txnOffsetCommit,
            [
                Right(.read, .topic("t")), Right(.read, .group("g")),
                Right(.write, .transactionalID("x")),
            ], transactionalOffsets),
        AccessCase(.describeTransactions, [Right(.describe, .transactionalID("x"))]) { kit in
            try kit.ask { (request: inout DescribeTransactionsRequest) in
                request.transactionalIds = ["x"]
            }.transactionStates.map(\.errorCode)
        },
        AccessCase(.writeTxnMarkers, [Right(.alter, .cluster)], markers),
        AccessCase(.writeTxnMarkers, [Right(.clusterAction, .cluster)], markers),
    ]

    @Sendable private static func addedPartitions(_ kit: AccessCase.Kit) throws -> [ErrorCode] {
        try kit.ask(3) { (request: inout AddPartitionsToTxnRequest) in
            request.v3AndBelowTransactionalId = "x"
            request.v3AndBelowTopics = [
                .init {
                    $0.name = "t"
                    $0.partitions = [0]
                }
            ]
        }.resultsByTopicV3AndBelow.flatMap { $0.resultsByPartition.map(\.partitionErrorCode) }
    }

    @Sendable private static func addedOffsets(_ kit: AccessCase.Kit) throws -> [ErrorCode] {
        [
            try kit.ask { (request: inout AddOffsetsToTxnRequest) in
                request.transactionalId = "x"
                request.groupId = "g"
            }.errorCode
        ]
    }

    @Sendable private static func transactionalOffsets(_ kit: AccessCase.Kit) throws -> [ErrorCode]
    {
        try kit.ask { (request: inout TxnOffsetCommitRequest) in
            request.transactionalId = "x"
            request.groupId = "g"
            request.generationId = -1
            request.topics = [
                .init {
                    $0.name = "t"
                    $0.partitions = [.init()]
                }
            ]
        }.topics.flatMap { $0.partitions.map(\.errorCode) }
    }

    @Sendable private static func markers(_ kit: AccessCase.Kit) throws -> [ErrorCode] {
        try kit.ask { (request: inout WriteTxnMarkersRequest) in
            request.markers = [
                .init {
                    $0.producerId = 4711
                    $0.topics = [
                        .init {
                            $0.name = "t"
                            $0.partitionIndexes = [0]
                        }
                    ]
                }
            ]
        }.markers.flatMap { $0.topics.flatMap { $0.partitions.map(\.errorCode) } }
    }

    private static let topics: [AccessCase] = [
        AccessCase(.createTopics, [Right(.create, .topic("made"))], made),
        AccessCase(.createTopics, [Right(.create, .cluster)]) { kit in
            // What is refused for want of either right is a topic.
            try made(kit).map {
                $0 == .topicAuthorizationFailed ? .clusterAuthorizationFailed : $0
            }
        },
        AccessCase(.deleteTopics, [Right(.delete, .topic("u"))]) { kit in
            try kit.ask { (request: inout DeleteTopicsRequest) in
                request.topics = [.init { $0.name = "u" }]
            }.responses.map(\.errorCode)
                + kit.ask(5) { (request: inout DeleteTopicsRequest) in
                    request.topicNames = ["u"]
                }.responses.map(\.errorCode)
        },
        AccessCase(.createPartitions, [Right(.alter, .topic("t"))]) { kit in
            try kit.ask { (request: inout CreatePartitionsRequest) in
                request.topics = [
                    .init {
                        $0.name = "t"
                        $0.count = 2
                        $0.assignments = nil
                    }
                ]
            }.results.map(\.errorCode)
        },
        AccessCase(.describeConfigs, [Right(.describeConfigs, .topic("t"))]) { kit in
            try described(kit, 2, "t")
        },
        AccessCase(.describeConfigs, [Right(.describeConfigs, .cluster)]) { kit in
            try described(kit, 4, "1") + described(kit, 4, "") + described(kit, 8, "1")
                + described(kit, 16, "m")
        },
        AccessCase(.describeConfigs, [Right(.describeConfigs, .group("g"))]) { kit in
            try described(kit, 32, "g")
        },
        AccessCase(.alterConfigs, [Right(.alterConfigs, .topic("t"))]) { kit in
            try altered(kit, 2, "t")
        },
        AccessCase(.alterConfigs, [Right(.alterConfigs, .cluster)]) { kit in
            try altered(kit, 4, "1")
        },
        AccessCase(.alterConfigs, [Right(.alterConfigs, .group("g"))]) { kit in
            try altered(kit, 32, "g")
        },
        AccessCase(.incrementalAlterConfigs, [Right(.alterConfigs, .topic("t"))]) { kit in
            try incrementallyAltered(kit, 2, "t")
        },
        AccessCase(.incrementalAlterConfigs, [Right(.alterConfigs, .cluster)]) { kit in
            try incrementallyAltered(kit, 4, "")
        },
    ]

    @Sendable private static func made(_ kit: AccessCase.Kit) throws -> [ErrorCode] {
        try kit.ask { (request: inout CreateTopicsRequest) in
            request.topics = [
                .init {
                    $0.name = "made"
                    $0.numPartitions = 1
                    $0.replicationFactor = 1
                }
            ]
        }.topics.map(\.errorCode)
    }

    private static func described(
        _ kit: AccessCase.Kit, _ type: Int8, _ name: String
    ) throws -> [ErrorCode] {
        try kit.ask { (request: inout DescribeConfigsRequest) in
            request.resources = [
                .init {
                    $0.resourceType = type
                    $0.resourceName = name
                    $0.configurationKeys = nil
                }
            ]
        }.results.map(\.errorCode)
    }

    private static func altered(
        _ kit: AccessCase.Kit, _ type: Int8, _ name: String
    ) throws -> [ErrorCode] {
        try kit.ask { (request: inout AlterConfigsRequest) in
            request.resources = [
                .init {
                    $0.resourceType = type
                    $0.resourceName = name
                }
            ]
        }.responses.map(\.errorCode)
    }

    private static func incrementallyAltered(
        _ kit: AccessCase.Kit, _ type: Int8, _ name: String
    ) throws -> [ErrorCode] {
        try kit.ask { (request: inout IncrementalAlterConfigsRequest) in
            request.resources = [
                .init {
                    $0.resourceType = type
                    $0.resourceName = name
                }
            ]
        }.responses.map(\.errorCode)
    }

    private static let cluster: [AccessCase] = [
        AccessCase(.describeAcls, [Right(.describe, .cluster)]) { kit in
            [
                try kit.ask { (request: inout DescribeAclsRequest) in
                    request.resourceTypeFilter = 1
                    request.operation = 1
                    request.permissionType = 1
                }.errorCode
            ]
        },
        AccessCase(.createAcls, [Right(.alter, .cluster)]) { kit in
            try kit.ask { (request: inout CreateAclsRequest) in
                request.creations = [
                    .init {
                        $0.resourceType = 3
                        $0.resourceName = "zzz"
                        $0.principal = "User:zzz"
                        $0.host = "*"
                        $0.operation = 3
                        $0.permissionType = 3
                    }
                ]
            }.results.map(\.errorCode)
        },
        AccessCase(.deleteAcls, [Right(.alter, .cluster)]) { kit in
            try kit.ask { (request: inout DeleteAclsRequest) in
                request.filters = [
                    .init {
                        $0.resourceTypeFilter = 3
                        $0.resourceNameFilter = "zzz"
                        $0.operation = 1
                        $0.permissionType = 1
                    }
                ]
            }.filterResults.map(\.errorCode)
        },
        AccessCase(.alterReplicaLogDirs, [Right(.alter, .cluster)]) { kit in
            let path = kit.broker.directory
            return try kit.ask { (request: inout AlterReplicaLogDirsRequest) in
                request.dirs = [
                    .init {
                        $0.path = path
                        $0.topics = [
                            .init {
                                $0.name = "t"
                                $0.partitions = [0]
                            }
                        ]
                    }
                ]
            }.results.flatMap { $0.partitions.map(\.errorCode) }
        },
        AccessCase(.describeLogDirs, [Right(.describe, .cluster)]) { kit in
            let answer = try kit.ask { (request: inout DescribeLogDirsRequest) in
                request.topics = nil
            }
            #expect(answer.results.isEmpty == (answer.errorCode != .none))
            return [answer.errorCode]
        },
        AccessCase(.electLeaders, [Right(.alter, .cluster)]) { kit in
            [try kit.ask { (_: inout ElectLeadersRequest) in }.errorCode]
        },
        AccessCase(.alterPartitionReassignments, [Right(.alter, .cluster)]) { kit in
            [try kit.ask { (_: inout AlterPartitionReassignmentsRequest) in }.errorCode]
        },
        AccessCase(.listPartitionReassignments, [Right(.describe, .cluster)]) { kit in
            [try kit.ask { (_: inout ListPartitionReassignmentsRequest) in }.errorCode]
        },
        AccessCase(.describeClientQuotas, [Right(.describeConfigs, .cluster)]) { kit in
            [try kit.ask { (_: inout DescribeClientQuotasRequest) in }.errorCode]
        },
        AccessCase(.alterClientQuotas, [Right(.alterConfigs, .cluster)]) { kit in
            try kit.ask { (request: inout AlterClientQuotasRequest) in
                request.entries = [
                    .init {
                        $0.entity = [
                            .init {
                                $0.entityType = "user"
                                $0.entityName = "nobody"
                            }
                        ]
                    }
                ]
            }.entries.map(\.errorCode)
        },
        AccessCase(.describeUserScramCredentials, [Right(.describe, .cluster)]) { kit in
            [try kit.ask { (_: inout DescribeUserScramCredentialsRequest) in }.errorCode]
        },
        AccessCase(.alterUserScramCredentials, [Right(.alter, .cluster)]) { kit in
            try kit.ask { (request: inout AlterUserScramCredentialsRequest) in
                request.deletions = [.init { $0.name = "a" }]
                request.upsertions = [.init { $0.name = "b" }]
            }.results.map(\.errorCode)
        },
        AccessCase(.describeQuorum, [Right(.describe, .cluster)]) { kit in
            [try kit.ask { (_: inout DescribeQuorumRequest) in }.errorCode]
        },
        AccessCase(.updateFeatures, [Right(.alter, .cluster)]) { kit in
            [
                try kit.ask { (request: inout UpdateFeaturesRequest) in
                    request.featureUpdates = [.init { $0.feature = "f" }]
                }.errorCode
            ]
        },
        AccessCase(.listConfigResources, [Right(.describeConfigs, .cluster)]) { kit in
            [try kit.ask { (_: inout ListConfigResourcesRequest) in }.errorCode]
        },
    ]
}

extension TestBroker {
    /// Commits an offset of a group, whatever the rules say.
    fileprivate func commit(_ group: String, _ topic: String) throws {
        guard let authorizer = try state.authorizer else {
            #expect(try AccessCases.commit(group, topic, try client()) == [.none])
            return
        }
        let rules = authorizer.rules
        let everything = [ResourceType.topic, .group].map { type in
            AccessRule(
                pattern: .init(type: type, name: "*", form: .literal), principal: "User:*",
                host: "*", operation: .all, permission: .allow)
        }
        try authorizer.replace(with: AccessRuleTable(Set(everything)))
        #expect(try AccessCases.commit(group, topic, try client()) == [.none])
        try authorizer.replace(with: rules)
    }
}
