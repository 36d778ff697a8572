internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// Metadata (3): this broker and its topics; makes a topic that a client asks for the first time,
/// where that is switched on. Source: KIP-4, KIP-204 (auto creation), KIP-516 (topic ids).
enum MetadataHandler: RequestHandler {
    typealias Request = MetadataRequest

    static func handle(
        _ request: MetadataRequest, context: RequestContext
    ) -> Reply<MetadataResponse> {
        let missing = namesToMake(request, context: context)
        if missing.isEmpty { return .now(answer(request, context: context, failures: [:])) }
        let slot = context.slot(MetadataRequest.self)
        context.broker.admin.run {
            var failures: [String: ErrorCode] = [:]
            for name in missing {
                do throws(LogError) {
                    _ = try context.broker.makeTopicOnFirstUse(name)
                } catch {
                    failures[name] = ErrorCode(error)
                    context.broker.logger.warning(
                        "cannot make a topic on first use", ["topic": name, "error": error])
                }
            }
            slot.complete(answer(request, context: context, failures: failures))
        }
        return .later
    }

    /// The valid names among those asked for that do not exist and may be made.
    private static func namesToMake(
        _ request: MetadataRequest, context: RequestContext
    ) -> [String] {
        guard let topics = request.topics,
            // Before version 4 a client could not say, and was taken to want it.
            context.version < 4 || request.allowAutoTopicCreation,
            context.broker.settings.boolean("auto.create.topics.enable")
        else { return [] }
        var names: [String] = []
        for topic in topics {
            guard topic.topicId == .zero, let name = topic.name, !names.contains(name),
                DataDirectory.isValidTopicName(name),
                context.broker.directory.topic(name) == nil
            else { continue }
            names.append(name)
            // One request makes a bounded number: each takes several syncs.
            if names.count == 100 { break }
        }
        return names
    }

    private static func answer(
        _ request: MetadataRequest, context: RequestContext, failures: [String: ErrorCode]
    ) -> MetadataResponse {
        let broker = context.broker
        var response = MetadataResponse()
        response.clusterId = broker.directory.clusterID
        response.controllerId = broker.directory.nodeID
        var node = MetadataResponse.Broker()
        node.nodeId = broker.directory.nodeID
        node.host = context.advertised.host
        node.port = Int32(context.advertised.port)
        response.brokers = [node]
        if request.includeClusterAuthorizedOperations {
            response.clusterAuthorizedOperations = AuthorizedOperations.cluster
        }
        let withOperations = request.includeTopicAuthorizedOperations
        if let topics = request.topics {
            response.topics = topics.map { asked in
                let found =
                    asked.topicId == .zero
                    ? asked.name.flatMap { broker.directory.topic($0) }
                    : broker.directory.topic(id: asked.topicId)
                if let found {
                    return describe(found, broker: broker, withOperations: withOperations)
                }
                var unknown = MetadataResponse.Topic()
                unknown.name = asked.name ?? (context.version >= 12 ? nil : "")
                unknown.topicId = asked.topicId
                unknown.errorCode = errorForUnknown(asked, failures: failures)
                return unknown
            }
        } else {
            response.topics = broker.directory.topics.map {
                describe($0, broker: broker, withOperations: withOperations)
            }
        }
        return response
    }

    private static func errorForUnknown(
        _ asked: MetadataRequest.Topic, failures: [String: ErrorCode]
    ) -> ErrorCode {
        guard asked.topicId == .zero else { return .unknownTopicId }
        guard let name = asked.name, DataDirectory.isValidTopicName(name) else {
            return .invalidTopic
        }
        return failures[name] ?? .unknownTopicOrPartition
    }

    private static func describe(
        _ topic: Topic, broker: BrokerState, withOperations: Bool
    ) -> MetadataResponse.Topic {
        let node = broker.directory.nodeID
        var result = MetadataResponse.Topic()
        result.name = topic.name
        result.topicId = topic.id
        result.isInternal = BrokerState.isInternal(topic.name)
        if withOperations { result.topicAuthorizedOperations = AuthorizedOperations.topic }
        result.partitions = topic.partitions.map { log in
            var partition = MetadataResponse.Partition()
            partition.partitionIndex = log.partition
            partition.leaderEpoch = BrokerState.leaderEpoch
            partition.replicaNodes = [node]
            let replicas = PartitionReplicas(of: log, node: node)
            partition.leaderId = replicas.leader
            partition.isrNodes = replicas.inSync
            partition.offlineReplicas = replicas.offline
            partition.errorCode = replicas.error
            return partition
        }
        return result
    }
}

/// What a client may do, as a set of bits by operation number (KIP-430, `AclOperation`):
/// everything that the resource has, until listeners authenticate.
enum AuthorizedOperations {
    /// Read, write, create, delete, alter, describe, describe and alter configs.
    static let topic = bits(3, 4, 5, 6, 7, 8, 10, 11)
    /// Create, alter, describe, cluster action, describe and alter configs, idempotent write.
    static let cluster = bits(5, 7, 8, 9, 10, 11, 12)

    private static func bits(_ numbers: Int32...) -> Int32 {
        numbers.reduce(0) { $0 | 1 << $1 }
    }
}
