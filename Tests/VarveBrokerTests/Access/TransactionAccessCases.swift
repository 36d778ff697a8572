import VarveWire

@testable import VarveBroker

extension AccessCases {
    /// APIs of transactions and producer ids.
    static let transactions: [AccessCase] = [
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
}
