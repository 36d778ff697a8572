internal import VarveWire

/// DescribeGroups (15).
enum DescribeGroupsHandler: RequestHandler {
    typealias Request = DescribeGroupsRequest

    /// From this version on a group that is not there is an error (KIP-1043), before a dead one.
    private static let missingGroupsSince: Int16 = 6

    static func handle(
        _ request: DescribeGroupsRequest, context: RequestContext
    ) -> Reply<DescribeGroupsResponse> {
        var response = DescribeGroupsResponse()
        response.groups = request.groups.map { id in
            var group = describe(id, context)
            group.groupId = id
            if request.includeAuthorizedOperations && group.errorCode == .none {
                group.authorizedOperations = context.authorizedOperations(.group(id))
            }
            return group
        }
        return .now(response)
    }

    private static func describe(
        _ id: String, _ context: RequestContext
    ) -> DescribeGroupsResponse.Group {
        var group = DescribeGroupsResponse.Group()
        if let error = context.refusal(.describe, .group(id)) {
            group.errorCode = error
            return group
        }
        let groups = context.broker.groups
        if let error = groups.unavailability(of: id) {
            group.errorCode = error
            return group
        }
        guard let found = groups.describe(id) else {
            group.groupState = GroupState.dead.rawValue
            if context.version >= missingGroupsSince {
                group.errorCode = .groupIdNotFound
                let isConsumers = groups.describeConsumers(id) != nil
                group.errorMessage =
                    isConsumers ? "Group \(id) is not a classic group." : "Group \(id) not found."
            }
            return group
        }
        group.groupState = found.state.rawValue
        group.protocolType = found.protocolType
        group.protocolData = found.protocolName
        group.members = found.members.map { member in
            DescribeGroupsResponse.Member {
                $0.memberId = member.id
                $0.groupInstanceId = member.instanceID
                $0.clientId = member.clientID
                $0.clientHost = member.clientHost
                $0.memberMetadata = member.metadata
                $0.memberAssignment = member.assignment
            }
        }
        return group
    }
}
