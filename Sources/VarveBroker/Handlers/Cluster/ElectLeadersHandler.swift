internal import VarveLog
internal import VarveWire

/// ElectLeaders (43): every partition that is online is led by its only replica already, so no
/// election is needed anywhere. Source: KIP-183, KIP-460.
enum ElectLeadersHandler: RequestHandler {
    typealias Request = ElectLeadersRequest

    static func handle(
        _ request: ElectLeadersRequest, context: RequestContext
    ) -> Reply<ElectLeadersResponse> {
        if let error = context.refusal(.alter, .cluster) {
            return .now(ElectLeadersResponse { $0.errorCode = error })
        }
        var response = ElectLeadersResponse()
        guard (0...1).contains(request.electionType) else {
            response.errorCode = .invalidRequest
            return .now(response)
        }
        // Asked about all partitions, Kafka leaves out those that need no election.
        for topic in request.topicPartitions ?? [] {
            let found = context.broker.directory.topic(topic.topic)
            response.replicaElectionResults.append(
                .init {
                    $0.topic = topic.topic
                    $0.partitionResult = topic.partitions.map { number in
                        outcome(number, found?.partition(number), request.electionType)
                    }
                })
        }
        return .now(response)
    }

    private static func outcome(
        _ number: Int32, _ log: PartitionLog?, _ electionType: Int8
    ) -> ElectLeadersResponse.Partition {
        .init {
            $0.partitionId = number
            if let log, log.isOnline {
                $0.errorCode = .electionNotNeeded
                $0.errorMessage = "the partition's only replica leads it"
            } else if log != nil {
                $0.errorCode =
                    electionType == 0
                    ? .preferredLeaderNotAvailable : .eligibleLeadersNotAvailable
                $0.errorMessage = "the partition's only replica is offline"
            } else {
                $0.errorCode = .unknownTopicOrPartition
                $0.errorMessage = "there is no such partition"
            }
        }
    }
}
