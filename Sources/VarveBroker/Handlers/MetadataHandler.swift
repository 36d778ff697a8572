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
        var failures: [String: ErrorCode] = [:]
        let missing = namesToMake(request, context: context, refused: &failures)
        if missing.isEmpty {
            return .now(answer(request, context: context, failures: failures))
        }
        let slot = context.slot(MetadataRequest.self)
        context.broker.admin.run { [refused = failures] in
            var failures = refused
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

    /// The valid names among those asked for that do not exist and may be made; what the client
    /// may not make comes into `refused`.
    private static func namesToMake(
        _ request: MetadataRequest, context: RequestContext, refused: inout [String: ErrorCode]
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
                context.allows(.describe, .topic(name)),
                context.broker.directory.topic(name) == nil
            else { continue }
            if !context.allows(.create, .cluster),
                let error = context.refusal(.create, .topic(name))
            {
                refused[name] = error
                continue
            }
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
            response.clusterAuthorizedOperations = context.authorizedClusterOperations
        }
        let withOperations = request.includeTopicAuthorizedOperations
        if let topics = request.topics {
            response.topics = topics.map { asked in
                switch context.topic(asked.name ?? "", asked.topicId, for: .describe) {
                case .found(let found):
                    return describe(found, context: context, withOperations: withOperations)
                case .refused(let code):
                    var unknown = MetadataResponse.Topic()
                    unknown.name = asked.name ?? (context.version >= 12 ? nil : "")
                    unknown.topicId = asked.topicId
                    unknown.errorCode =
                        code == .topicAuthorizationFailed
                        ? code : errorForUnknown(asked, failures: failures)
                    return unknown
                }
            }
        } else {
            // Of what the client may not describe it does not learn.
            response.topics = broker.directory.topics
                .filter { context.allows(.describe, .topic($0.name)) }
                .map { describe($0, context: context, withOperations: withOperations) }
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
        _ topic: Topic, context: RequestContext, withOperations: Bool
    ) -> MetadataResponse.Topic {
        let node = context.broker.directory.nodeID
        var result = MetadataResponse.Topic()
        result.name = topic.name
        result.topicId = topic.id
        result.isInternal = BrokerState.isInternal(topic.name)
        if withOperations {
            result.topicAuthorizedOperations = context.authorizedOperations(.topic(topic.name))
        }
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
