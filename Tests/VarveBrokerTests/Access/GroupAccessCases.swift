import Testing
import VarveWire

@testable import VarveBroker

extension AccessCases {
    /// APIs of groups and their offsets.
    static let groups: [AccessCase] = [
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
