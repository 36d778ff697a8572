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
            let found = context.broker.directory.topic(topic.topic)
            outcome.partitions = topic.partitions.map { partition in
                var result = OffsetForLeaderEpochResponse.Partition()
                result.partition = partition.partition
                guard let log = found?.partition(partition.partition) else {
                    result.errorCode = .unknownTopicOrPartition
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
