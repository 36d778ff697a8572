internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// AlterConfigs (33): replaces all that a topic sets itself. Source: KIP-133.
enum AlterConfigsHandler: RequestHandler {
    typealias Request = AlterConfigsRequest

    static func handle(
        _ request: AlterConfigsRequest, context: RequestContext
    ) -> Reply<AlterConfigsResponse> {
        let slot = context.slot(AlterConfigsRequest.self)
        context.broker.admin.run {
            var response = AlterConfigsResponse()
            response.responses = request.resources.map { resource in
                var result = AlterConfigsResponse.Resource()
                result.resourceType = resource.resourceType
                result.resourceName = resource.resourceName
                let refusal = TopicAlteration.apply(
                    to: resource.resourceName, type: resource.resourceType,
                    isTrial: request.validateOnly, broker: context.broker
                ) { (_) throws(LogError) in
                    var overrides: [String: String] = [:]
                    for config in resource.configs { overrides[config.name] = config.value }
                    return overrides
                }
                result.errorCode = refusal?.code ?? .none
                result.errorMessage = refusal?.text
                return result
            }
            slot.complete(response)
        }
        return .later
    }
}

/// IncrementalAlterConfigs (44): changes single configurations of a topic. Source: KIP-339.
enum IncrementalAlterConfigsHandler: RequestHandler {
    typealias Request = IncrementalAlterConfigsRequest

    private enum Operation {
        static let set: Int8 = 0
        static let delete: Int8 = 1
        static let append: Int8 = 2
        static let subtract: Int8 = 3
    }

    static func handle(
        _ request: IncrementalAlterConfigsRequest, context: RequestContext
    ) -> Reply<AlterConfigsResponse> {
        let slot = context.slot(IncrementalAlterConfigsRequest.self)
        context.broker.admin.run {
            var response = AlterConfigsResponse()
            response.responses = request.resources.map { resource in
                var result = AlterConfigsResponse.Resource()
                result.resourceType = resource.resourceType
                result.resourceName = resource.resourceName
                let refusal = TopicAlteration.apply(
                    to: resource.resourceName, type: resource.resourceType,
                    isTrial: request.validateOnly, broker: context.broker
                ) { (configuration) throws(LogError) in
                    try changed(configuration, by: resource.configs)
                }
                result.errorCode = refusal?.code ?? .none
                result.errorMessage = refusal?.text
                return result
            }
            slot.complete(response)
        }
        return .later
    }

    private static func changed(
        _ configuration: TopicConfiguration,
        by changes: [IncrementalAlterConfigsRequest.Config]
    ) throws(LogError) -> [String: String] {
        var overrides = configuration.overrides
        for change in changes {
            guard
                let definition = TopicConfiguration.definitions.first(where: {
                    $0.name == change.name
                })
            else {
                throw .invalidConfiguration(
                    name: change.name, reason: "there is no such configuration")
            }
            if change.configOperation == Operation.delete {
                overrides[change.name] = nil
                continue
            }
            guard let value = change.value else {
                throw .invalidConfiguration(name: change.name, reason: "no value is given")
            }
            switch change.configOperation {
            case Operation.set:
                overrides[change.name] = value
            case Operation.append where definition.type == .list,
                Operation.subtract where definition.type == .list:
                let given = value.split(separator: ",").map(String.init)
                var words = configuration.value(of: change.name).split(separator: ",")
                    .map(String.init).filter { !given.contains($0) }
                if change.configOperation == Operation.append { words += given }
                overrides[change.name] = words.joined(separator: ",")
            default:
                throw .invalidConfiguration(
                    name: change.name,
                    reason: "operation \(change.configOperation) is for lists, or unknown")
            }
        }
        return overrides
    }
}

/// What both ways of altering a topic share.
enum TopicAlteration {
    struct Refusal {
        let code: ErrorCode
        let text: String
    }

    /// Gives topic `name` the overrides that `change` makes of its configuration. Nil: done.
    static func apply(
        to name: String, type: Int8, isTrial: Bool, broker: BrokerState,
        _ change: (TopicConfiguration) throws(LogError) -> [String: String]
    ) -> Refusal? {
        guard type == ConfigResource.topic else {
            return Refusal(
                code: .invalidRequest,
                text: "only topics can be altered; broker settings are given at its start")
        }
        guard let topic = broker.directory.topic(name) else {
            return Refusal(code: .unknownTopicOrPartition, text: "there is no topic \(name)")
        }
        do throws(LogError) {
            let overrides = try change(topic.configuration)
            _ = try TopicConfiguration(overrides: overrides, defaults: broker.topicDefaults)
            if !isTrial {
                try broker.directory.setConfiguration(name, overrides: overrides)
                broker.logger.info("altered topic", ["topic": name])
            }
            return nil
        } catch {
            return Refusal(code: ErrorCode(error), text: "\(error)")
        }
    }
}
