internal import VarveLog
internal import VarveWire

/// DescribeTopicPartitions (75): topics in order of their names, a page of partitions at a time.
/// Source: KIP-966.
enum DescribeTopicPartitionsHandler: RequestHandler {
    typealias Request = DescribeTopicPartitionsRequest

    /// The most partitions of a page (Kafka's `max.request.partition.size.limit`).
    private static let partitionsMax = 2000

    static func handle(
        _ request: DescribeTopicPartitionsRequest, context: RequestContext
    ) -> Reply<DescribeTopicPartitionsResponse> {
        let directory = context.broker.directory
        let isEverything = request.topics.isEmpty
        let names =
            isEverything
            ? directory.topics.map(\.name).filter { context.allows(.describe, .topic($0)) }.sorted()
            : Set(request.topics.map(\.name)).sorted()
        let limit = max(1, min(Int(request.responsePartitionLimit), partitionsMax))
        let first = request.cursor?.topicName ?? ""
        var response = DescribeTopicPartitionsResponse()
        var room = limit
        for name in names where name >= first {
            // The page before may have ended inside this topic.
            let begin = name == first ? max(0, Int(request.cursor?.partitionIndex ?? 0)) : 0
            if room == 0 {
                response.nextCursor = cursor(name, begin)
                break
            }
            let topic: Topic
            switch context.topic(name, for: isEverything ? nil : .describe) {
            case .found(let found): topic = found
            case .refused(let code):
                // Among all topics it was deleted just now: nobody asked for it.
                if !isEverything { response.topics.append(refused(name, code)) }
                continue
            }
            let logs = topic.partitions
            let page = logs.dropFirst(begin).prefix(room)
            var outcome = DescribeTopicPartitionsResponse.Topic()
            outcome.name = name
            outcome.topicId = topic.id
            outcome.isInternal = BrokerState.isInternal(name)
            outcome.topicAuthorizedOperations = context.authorizedOperations(.topic(name))
            outcome.partitions = page.map { describe($0, node: directory.nodeID) }
            response.topics.append(outcome)
            room -= page.count
            if begin + page.count < logs.count {
                response.nextCursor = cursor(name, begin + page.count)
                break
            }
        }
        return .now(response)
    }

    private static func cursor(
        _ name: String, _ partition: Int
    ) -> DescribeTopicPartitionsResponse.Cursor {
        .init {
            $0.topicName = name
            $0.partitionIndex = Int32(partition)
        }
    }

    private static func refused(
        _ name: String, _ code: ErrorCode
    ) -> DescribeTopicPartitionsResponse.Topic {
        .init {
            $0.name = name
            $0.errorCode =
                code == .unknownTopicOrPartition && !DataDirectory.isValidTopicName(name)
                ? .invalidTopic : code
        }
    }

    private static func describe(
        _ log: PartitionLog, node: Int32
    ) -> DescribeTopicPartitionsResponse.Partition {
        var partition = DescribeTopicPartitionsResponse.Partition()
        partition.partitionIndex = log.partition
        partition.leaderEpoch = BrokerState.leaderEpoch
        partition.replicaNodes = [node]
        partition.eligibleLeaderReplicas = []
        partition.lastKnownElr = []
        let replicas = PartitionReplicas(of: log, node: node)
        partition.leaderId = replicas.leader
        partition.isrNodes = replicas.inSync
        partition.offlineReplicas = replicas.offline
        partition.errorCode = replicas.error
        return partition
    }
}
