internal import VarveLog
internal import VarveWire

/// OffsetForLeaderEpoch (23): where an epoch ended, for consumers that check after an error
/// whether the log was cut under them. The only epoch here has not ended. Source: KIP-320.
enum OffsetForLeaderEpochHandler: RequestHandler {
    typealias Request = OffsetForLeaderEpochRequest

    static func handle(
        _ request: OffsetForLeaderEpochRequest, context: RequestContext
    ) -> Reply<OffsetForLeaderEpochResponse> {
        var response = OffsetForLeaderEpochResponse()
        response.topics = request.topics.map { topic in
            var outcome = OffsetForLeaderEpochResponse.Topic()
            outcome.topic = topic.topic
            // Kafka lets brokers ask too.
            let found = context.topic(
                topic.topic,
                for: context.allows(.clusterAction, .cluster) ? nil : .describe)
            outcome.partitions = topic.partitions.map { partition in
                var result = OffsetForLeaderEpochResponse.Partition()
                result.partition = partition.partition
                let log: PartitionLog
                switch found.partition(partition.partition) {
                case .success(let partition): log = partition
                case .failure(let missing):
                    result.errorCode = missing.code
                    return result
                }
                result.errorCode = BrokerState.epochError(partition.currentLeaderEpoch)
                if result.errorCode == .none && partition.leaderEpoch == BrokerState.leaderEpoch {
                    result.leaderEpoch = BrokerState.leaderEpoch
                    result.endOffset = log.durableEnd
                }
                return result
            }
            return outcome
        }
        return .now(response)
    }
}
