internal import VarveWire

/// ListGroups (16), filtered by state from version 4 (KIP-518) and by type from version 5 on
/// (KIP-848).
enum ListGroupsHandler: RequestHandler {
    typealias Request = ListGroupsRequest

    static func handle(
        _ request: ListGroupsRequest, context: RequestContext
    ) -> Reply<ListGroupsResponse> {
        var response = ListGroupsResponse()
        let states = Set(request.statesFilter.map { $0.lowercased() })
        let types = Set(request.typesFilter.map { $0.lowercased() })
        let mayKnowAll = context.allows(.describe, .cluster)
        for group in context.broker.groups.list() {
            guard mayKnowAll || context.allows(.describe, .group(group.id)) else { continue }
            guard types.isEmpty || types.contains(group.kind.rawValue) else { continue }
            guard states.isEmpty || states.contains(group.state.lowercased()) else { continue }
            response.groups.append(
                ListGroupsResponse.Group {
                    $0.groupId = group.id
                    $0.protocolType = group.protocolType
                    $0.groupState = group.state
                    $0.groupType = group.kind.rawValue
                })
        }
        return .now(response)
    }
}
