internal import VarveLog
internal import VarveWire

/// The kinds of resource that configurations belong to (`ConfigResource.Type`).
enum ConfigResource {
    static let topic: Int8 = 2
    static let broker: Int8 = 4
    static let brokerLogger: Int8 = 8
    static let clientMetrics: Int8 = 16
    static let group: Int8 = 32

    /// Whose rights to configurations count for those of `name`; nil for a type that has none.
    static func access(_ type: Int8, _ name: String) -> AccessResource? {
        switch type {
        case topic: .topic(name)
        case group: .group(name)
        case broker, brokerLogger, clientMetrics: .cluster
        default: nil
        }
    }
}

/// DescribeConfigs (32): the configuration of topics and of this broker, with types, sources and
/// documentation. Source: KIP-133, KIP-226 (synonyms), KIP-569 (documentation).
enum DescribeConfigsHandler: RequestHandler {
    typealias Request = DescribeConfigsRequest

    static func handle(
        _ request: DescribeConfigsRequest, context: RequestContext
    ) -> Reply<DescribeConfigsResponse> {
        var response = DescribeConfigsResponse()
        response.results = request.resources.map { resource in
            var result = DescribeConfigsResponse.Resource()
            result.resourceType = resource.resourceType
            result.resourceName = resource.resourceName
            if let access = ConfigResource.access(resource.resourceType, resource.resourceName),
                let error = context.refusal(.describeConfigs, access)
            {
                result.errorCode = error
                return result
            }
            switch entries(resource, context.broker) {
            case .success(let entries):
                let wanted = resource.configurationKeys.map(Set.init)
                result.configs = entries.filter { wanted?.contains($0.name) ?? true }
                    .map { config($0, request: request) }
            case .failure(let refusal):
                result.errorCode = refusal.code
                result.errorMessage = refusal.text
            }
            return result
        }
        return .now(response)
    }

    private struct Refusal: Error {
        let code: ErrorCode
        let text: String
    }

    private static func entries(
        _ resource: DescribeConfigsRequest.Resource, _ broker: BrokerState
    ) -> Result<[ConfigEntries.Entry], Refusal> {
        switch resource.resourceType {
        case ConfigResource.topic:
            guard let topic = broker.directory.topic(resource.resourceName) else {
                return .failure(
                    Refusal(
                        code: .unknownTopicOrPartition,
                        text: "there is no topic \(resource.resourceName)"))
            }
            return .success(ConfigEntries.topic(topic.configuration, broker: broker))
        case ConfigResource.broker:
            // An empty name asks for what was changed for all brokers.
            if resource.resourceName.isEmpty {
                return .success(ConfigEntries.changedForAll(broker.settings))
            }
            guard resource.resourceName == "\(broker.directory.nodeID)" else {
                return .failure(
                    Refusal(
                        code: .invalidRequest,
                        text: "this is broker \(broker.directory.nodeID), "
                            + "not \(resource.resourceName)"))
            }
            return .success(ConfigEntries.broker(broker))
        case ConfigResource.group:
            return .success(ConfigEntries.group(resource.resourceName, broker: broker))
        case ConfigResource.brokerLogger, ConfigResource.clientMetrics:
            // Loggers have no levels of their own here, and metrics no settings.
            return .success([])
        default:
            return .failure(
                Refusal(
                    code: .invalidRequest,
                    text: "resource type \(resource.resourceType) has no configuration here"))
        }
    }

    private static func config(
        _ entry: ConfigEntries.Entry, request: DescribeConfigsRequest
    ) -> DescribeConfigsResponse.Config {
        var config = DescribeConfigsResponse.Config()
        config.name = entry.name
        config.value = entry.value
        config.readOnly = entry.isReadOnly
        config.isSensitive = entry.isSensitive
        config.configSource = entry.source.rawValue
        config.isDefault = entry.source == .standard
        config.configType = entry.type
        if request.includeDocumentation { config.documentation = entry.documentation }
        if request.includeSynonyms {
            config.synonyms = entry.synonyms.map {
                var synonym = DescribeConfigsResponse.Synonym()
                synonym.name = $0.name
                synonym.value = $0.value
                synonym.source = $0.source.rawValue
                return synonym
            }
        }
        return config
    }
}
