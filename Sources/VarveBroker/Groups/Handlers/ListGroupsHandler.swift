internal import VarveWire

/// ListGroups (16), filtered by state from version 4 (KIP-518) and by type from version 5 on
/// (KIP-848). All groups here are classic ones.
enum ListGroupsHandler: RequestHandler {
    typealias Request = ListGroupsRequest

    private static let groupType = "classic"

    static func handle(
        _ request: ListGroupsRequest, context: RequestContext
    ) -> Reply<ListGroupsResponse> {
        var response = ListGroupsResponse()
        let states = Set(request.statesFilter.map { $0.lowercased() })
        let types = Set(request.typesFilter.map { $0.lowercased() })
        guard types.isEmpty || types.contains(groupType) else { return .now(response) }
        for group in context.broker.groups.list() {
            let state = group.state.rawValue
            guard states.isEmpty || states.contains(state.lowercased()) else { continue }
            response.groups.append(
                ListGroupsResponse.Group {
                    $0.groupId = group.id
                    $0.protocolType = group.protocolType
                    $0.groupState = state
                    $0.groupType = groupType
                })
        }
        return .now(response)
    }
}
