import VarveWire

@testable import VarveBroker

extension AccessCases {
    /// APIs of topics and of configurations.
    static let topics: [AccessCase] = [
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
}
