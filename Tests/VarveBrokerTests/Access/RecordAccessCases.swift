import VarveWire

@testable import VarveBroker

extension AccessCases {
    /// APIs of the records in topics.
    static let records: [AccessCase] = [
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
}
