internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// What both ways of altering configurations share: which things have any, and how their new
/// values are checked, kept and put in force.
enum ConfigAlteration {
    struct Refusal: Error {
        let code: ErrorCode
        let text: String
    }

    /// What can be altered.
    enum Target {
        case topic(Topic)
        case broker(BrokerSettings, BrokerSettings.ChangedFor)
        case group(String, own: [String: String])

        /// What it sets itself, by name.
        var values: [String: String] {
            switch self {
            case .topic(let topic): topic.configuration.overrides
            case .broker(let settings, let layer): settings.changes(for: layer)
            case .group(_, let own): own
            }
        }

        /// Whether the configuration is a list, and its value in force; nil when there is none of
        /// that name.
        func definition(of name: String) -> (isList: Bool, value: String)? {
            switch self {
            case .topic(let topic):
                TopicConfiguration.definitions.first { $0.name == name }.map {
                    ($0.type == .list, topic.configuration.value(of: name))
                }
            case .broker(let settings, _):
                BrokerSettings.byName[name].map { ($0.kind == .list, settings.value(of: name)) }
            case .group(_, let own):
                GroupConfigurations.names.contains(name) ? (false, own[name] ?? "") : nil
            }
        }
    }

    private static let notAllowed = "the access rules do not let this client alter it"

    /// Alters each of `resources` to the values that `change` makes of its old ones.
    static func answer<Config>(
        _ resources: [AlteredResource<Config>], isTrial: Bool, context: RequestContext,
        _ change: (Target, [Config]) throws(Refusal) -> [String: String]
    ) -> AlterConfigsResponse {
        let broker = context.broker
        var response = AlterConfigsResponse()
        response.responses = resources.map { resource in
            var result = AlterConfigsResponse.Resource()
            result.resourceType = resource.resourceType
            result.resourceName = resource.resourceName
            do throws(Refusal) {
                if let access = ConfigResource.access(
                    resource.resourceType, resource.resourceName),
                    let error = context.refusal(.alterConfigs, access)
                {
                    throw Refusal(code: error, text: Self.notAllowed)
                }
                let target = try target(
                    resource.resourceType, resource.resourceName, broker: broker)
                let values = try change(target, resource.configs)
                try apply(values, to: target, isTrial: isTrial, broker: broker)
            } catch {
                result.errorCode = error.code
                result.errorMessage = error.text
            }
            return result
        }
        return response
    }

    private static func target(
        _ type: Int8, _ name: String, broker: BrokerState
    ) throws(Refusal) -> Target {
        switch type {
        case ConfigResource.topic:
            guard let topic = broker.directory.topic(name) else {
                throw Refusal(code: .unknownTopicOrPartition, text: "there is no topic \(name)")
            }
            return .topic(topic)
        case ConfigResource.broker where name.isEmpty:
            return .broker(broker.settings, .allBrokers)
        case ConfigResource.broker where name == "\(broker.directory.nodeID)":
            return .broker(broker.settings, .thisBroker)
        case ConfigResource.broker:
            throw Refusal(
                code: .invalidRequest,
                text: "this is broker \(broker.directory.nodeID), not \(name)")
        case ConfigResource.group where name.isEmpty:
            throw Refusal(
                code: .invalidRequest,
                text: "default group resources are not allowed: name a group, or set the broker's "
                    + "group.consumer.*")
        case ConfigResource.group:
            return .group(name, own: broker.groups.configurations.values(of: name))
        default:
            throw Refusal(
                code: .invalidRequest,
                text: "resource type \(type) has no configuration that can be altered here")
        }
    }

    private static func apply(
        _ values: [String: String], to target: Target, isTrial: Bool, broker: BrokerState
    ) throws(Refusal) {
        switch target {
        case .topic(let topic):
            do throws(LogError) {
                _ = try TopicConfiguration(overrides: values, defaults: broker.topicDefaults)
                guard !isTrial else { return }
                try broker.directory.setConfiguration(topic.name, overrides: values)
                broker.logger.info("altered topic", ["topic": topic.name])
            } catch {
                throw Refusal(code: ErrorCode(error), text: "\(error)")
            }
        case .broker(_, let layer):
            try refusing { () throws(BrokerError) in
                try broker.live.change(layer, to: values, isTrial: isTrial)
            }
        case .group(let name, _):
            try refusing { () throws(BrokerError) in
                try broker.groups.configurations.change(
                    name, to: values, settings: broker.settings, isTrial: isTrial)
            }
        }
    }

    private static func refusing(
        _ change: () throws(BrokerError) -> Void
    ) throws(Refusal) {
        do throws(BrokerError) {
            try change()
        } catch {
            let code: ErrorCode =
                if case .badSetting = error { .invalidConfig } else { .kafkaStorageError }
            throw Refusal(code: code, text: "\(error)")
        }
    }
}
