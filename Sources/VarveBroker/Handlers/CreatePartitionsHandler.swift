internal import VarveLog
internal import VarveWire

/// CreatePartitions (37): gives topics more partitions; never fewer. Source: KIP-195.
enum CreatePartitionsHandler: RequestHandler {
    typealias Request = CreatePartitionsRequest

    static func handle(
        _ request: CreatePartitionsRequest, context: RequestContext
    ) -> Reply<CreatePartitionsResponse> {
        let slot = context.slot(CreatePartitionsRequest.self)
        context.broker.admin.run {
            var response = CreatePartitionsResponse()
            response.results = request.topics.map { topic in
                var outcome = CreatePartitionsResponse.Topic()
                outcome.name = topic.name
                if let error = context.refusal(.alter, .topic(topic.name)) {
                    outcome.errorCode = error
                    return outcome
                }
                do throws(LogError) {
                    try grow(topic, isTrial: request.validateOnly, broker: context.broker)
                } catch {
                    outcome.errorCode =
                        BrokerState.isInternal(topic.name) ? .invalidTopic : ErrorCode(error)
                    outcome.errorMessage = "\(error)"
                }
                return outcome
            }
            slot.complete(response)
        }
        return .later
    }

    private static func grow(
        _ topic: CreatePartitionsRequest.Topic, isTrial: Bool, broker: BrokerState
    ) throws(LogError) {
        guard let found = broker.directory.topic(topic.name) else {
            throw .unknownTopic(topic.name)
        }
        let count = found.partitions.count
        guard !BrokerState.isInternal(topic.name) else {
            throw .invalidPartitionCount(Int(topic.count), reason: "the broker owns this topic")
        }
        guard Int(topic.count) > count else {
            throw .invalidPartitionCount(
                Int(topic.count), reason: "the topic has \(count) already")
        }
        if let assignments = topic.assignments,
            assignments.count != Int(topic.count) - count
                || !assignments.allSatisfy({ $0.brokerIds == [broker.directory.nodeID] })
        {
            throw .invalidPartitionCount(
                Int(topic.count),
                reason: "each new partition must be on broker \(broker.directory.nodeID)")
        }
        if !isTrial { try broker.directory.addPartitions(topic.name, total: Int(topic.count)) }
    }
}
