internal import VarvePlatform
internal import VarveWire

/// JoinGroup (11). Parked until the group's join phase ends. Source: KIP-62, KIP-345, KIP-394.
enum JoinGroupHandler: RequestHandler {
    typealias Request = JoinGroupRequest

    /// From this version on a dynamic member first gets its id and comes back with it. Some
    /// clients of versions 1 and 2 hang when they are told so (segmentio/kafka-go #1435).
    private static let knownMemberIDSince: Int16 = 4
    private static let skipAssignmentSince: Int16 = 9

    static func handle(
        _ request: JoinGroupRequest, context: RequestContext
    ) -> Reply<JoinGroupResponse> {
        if let error = context.refusal(.read, .group(request.groupId)) {
            return .now(response(.failed(error, memberID: request.memberId)))
        }
        var join = GroupJoin()
        join.memberID = request.memberId
        join.instanceID = request.groupInstanceId
        join.clientID = context.clientID
        join.clientHost = "/" + context.peerHost
        join.protocolType = request.protocolType
        // The metadata stays in memory for as long as the member does, the frame must not.
        join.protocols = request.protocols.map {
            GroupProtocol(name: $0.name, metadata: $0.metadata.detached())
        }
        join.sessionTimeout = Int64(request.sessionTimeoutMs)
        // Version 0 has one timeout for both.
        join.rebalanceTimeout =
            context.version == 0
            ? join.sessionTimeout : Int64(max(request.rebalanceTimeoutMs, 0))
        join.requiresKnownMemberID = context.version >= knownMemberIDSince
        join.canSkipAssignment = context.version >= skipAssignmentSince

        let slot = context.slot(JoinGroupRequest.self)
        context.broker.groups.join(request.groupId, join) { slot.complete(response($0)) }
        return .later
    }

    private static func response(_ answer: JoinAnswer) -> JoinGroupResponse {
        var response = JoinGroupResponse()
        response.errorCode = answer.error
        response.generationId = answer.generation
        response.protocolType = answer.protocolType
        response.protocolName = answer.protocolName
        response.leader = answer.leader
        response.skipAssignment = answer.skipAssignment
        response.memberId = answer.memberID
        response.members = answer.members.map { member in
            JoinGroupResponse.Member {
                $0.memberId = member.id
                $0.groupInstanceId = member.instanceID
                $0.metadata = member.metadata
            }
        }
        return response
    }
}
