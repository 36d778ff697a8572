import VarveWire

@testable import VarveBroker

/// The rights that each API takes, by Kafka's KafkaApis and ControllerApis.
enum AccessCases {
    typealias Right = AccessCase.Right
    typealias Kit = AccessCase.Kit

    static let all: [AccessCase] = records + groups + transactions + topics + cluster

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
}
