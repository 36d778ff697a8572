internal import VarveLog
internal import VarveWire

/// ListConfigResources (74): what DescribeConfigs can be asked about. In version 0 only client
/// metrics subscriptions are meant, of which there are none. Source: KIP-1142, KIP-714.
enum ListConfigResourcesHandler: RequestHandler {
    typealias Request = ListConfigResourcesRequest
    private typealias Resource = ListConfigResourcesResponse.Resource

    private static let supported: Set<Int8> = [
        ConfigResource.topic, ConfigResource.broker, ConfigResource.brokerLogger,
        ConfigResource.clientMetrics, ConfigResource.group,
    ]

    static func handle(
        _ request: ListConfigResourcesRequest, context: RequestContext
    ) -> Reply<ListConfigResourcesResponse> {
        if let error = context.refusal(.describeConfigs, .cluster) {
            return .now(ListConfigResourcesResponse { $0.errorCode = error })
        }
        var response = ListConfigResourcesResponse()
        guard context.version >= 1 else { return .now(response) }
        let types = request.resourceTypes.isEmpty ? supported : Set(request.resourceTypes)
        guard types.isSubset(of: supported) else {
            response.errorCode = .unsupportedVersion
            return .now(response)
        }
        let directory = context.broker.directory
        func add(_ name: String, _ type: Int8) {
            response.configResources.append(
                Resource {
                    $0.resourceName = name
                    $0.resourceType = type
                })
        }
        if types.contains(ConfigResource.topic) {
            for topic in directory.topics { add(topic.name, ConfigResource.topic) }
        }
        if types.contains(ConfigResource.group) {
            for name in context.broker.groups.configurations.groups {
                add(name, ConfigResource.group)
            }
        }
        for type in [ConfigResource.broker, ConfigResource.brokerLogger]
        where types.contains(type) {
            add("\(directory.nodeID)", type)
        }
        return .now(response)
    }
}
