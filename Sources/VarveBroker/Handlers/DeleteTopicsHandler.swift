internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// DeleteTopics (20), by name or by id: gone durably before the answer. Fetches that wait on a
/// deleted topic are answered. Source: KIP-4, KIP-516.
enum DeleteTopicsHandler: RequestHandler {
    typealias Request = DeleteTopicsRequest

    static func handle(
        _ request: DeleteTopicsRequest, context: RequestContext
    ) -> Reply<DeleteTopicsResponse> {
        let slot = context.slot(DeleteTopicsRequest.self)
        context.broker.admin.run {
            var response = DeleteTopicsResponse()
            if context.version >= 6 {
                response.responses = request.topics.map {
                    delete(name: $0.name, id: $0.topicId, context: context)
                }
            } else {
                response.responses = request.topicNames.map {
                    delete(name: $0, id: .zero, context: context)
                }
            }
            slot.complete(response)
        }
        return .later
    }

    private static func delete(
        name: String?, id: UniqueID, context: RequestContext
    ) -> DeleteTopicsResponse.Topic {
        let broker = context.broker
        var outcome = DeleteTopicsResponse.Topic()
        outcome.name = name
        outcome.topicId = id
        func refuse(_ code: ErrorCode, _ text: String?) -> DeleteTopicsResponse.Topic {
            outcome.errorCode = code
            outcome.errorMessage = text
            return outcome
        }
        if name != nil && id != .zero {
            return refuse(.invalidRequest, "a topic is named by name or by id, not by both")
        }
        // The right to delete is one to describe; who may delete anything may delete this.
        let mayDeleteAll = context.allows(.delete, .cluster)
        let topic: Topic
        switch context.topic(name ?? "", id, for: mayDeleteAll ? nil : .delete) {
        case .found(let found): topic = found
        case .refused(let code):
            if id != .zero, let found = broker.topic("", id),
                context.allows(.describe, .topic(found.name))
            {
                outcome.name = found.name
            }
            return refuse(code, nil)
        }
        outcome.name = topic.name
        outcome.topicId = topic.id
        guard broker.settings.boolean("delete.topic.enable") else {
            return refuse(.topicDeletionDisabled, "delete.topic.enable is false")
        }
        guard !BrokerState.isInternal(topic.name) else {
            return refuse(.invalidTopic, "the broker needs this topic")
        }
        do throws(LogError) {
            let partitions = topic.partitions
            try broker.directory.deleteTopic(topic.name)
            broker.partitionWatches.forget(partitions)
            broker.groups.topicDeleted(topic.name)
            broker.logger.info("deleted topic", ["topic": topic.name, "id": topic.id])
        } catch {
            return refuse(ErrorCode(error), "\(error)")
        }
        return outcome
    }
}
