internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// AlterConfigs (33): replaces all that a topic sets itself, or all that was changed of the broker's
/// settings. Source: KIP-133.
enum AlterConfigsHandler: RequestHandler {
    typealias Request = AlterConfigsRequest

    static func handle(
        _ request: AlterConfigsRequest, context: RequestContext
    ) -> Reply<AlterConfigsResponse> {
        let slot = context.slot(AlterConfigsRequest.self)
        context.broker.admin.run {
            slot.complete(
                ConfigAlteration.answer(
                    request.resources, isTrial: request.validateOnly, context: context
                ) { _, configs in
                    var values: [String: String] = [:]
                    for config in configs { values[config.name] = config.value }
                    return values
                })
        }
        return .later
    }
}

/// IncrementalAlterConfigs (44): changes single configurations. Source: KIP-339.
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
            slot.complete(
                ConfigAlteration.answer(
                    request.resources, isTrial: request.validateOnly, context: context
                ) { (target, configs) throws(ConfigAlteration.Refusal) in
                    try changed(target, by: configs)
                })
        }
        return .later
    }

    private static func changed(
        _ target: ConfigAlteration.Target, by changes: [IncrementalAlterConfigsRequest.Config]
    ) throws(ConfigAlteration.Refusal) -> [String: String] {
        var values = target.values
        var seen: Set<String> = []
        for change in changes {
            func refuse(_ reason: String) -> ConfigAlteration.Refusal {
                ConfigAlteration.Refusal(code: .invalidConfig, text: "\(change.name): \(reason)")
            }
            guard seen.insert(change.name).inserted else {
                throw ConfigAlteration.Refusal(
                    code: .invalidRequest, text: "\(change.name) stands in the request twice")
            }
            guard let definition = target.definition(of: change.name) else {
                throw refuse("there is no such configuration")
            }
            if change.configOperation == Operation.delete {
                values[change.name] = nil
                continue
            }
            guard let value = change.value else { throw refuse("no value is given") }
            switch change.configOperation {
            case Operation.set:
                values[change.name] = value
            case Operation.append where definition.isList,
                Operation.subtract where definition.isList:
                let given = value.split(separator: ",").map(String.init)
                var words = definition.value.split(separator: ",")
                    .map(String.init).filter { !given.contains($0) }
                if change.configOperation == Operation.append { words += given }
                values[change.name] = words.joined(separator: ",")
            default:
                throw refuse("operation \(change.configOperation) is for lists, or unknown")
            }
        }
        return values
    }
}
