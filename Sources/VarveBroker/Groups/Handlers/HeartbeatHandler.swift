internal import VarveWire

/// Heartbeat (12): a member lives, and learns whether the group rebalances.
enum HeartbeatHandler: RequestHandler {
    typealias Request = HeartbeatRequest

    static func handle(
        _ request: HeartbeatRequest, context: RequestContext
    ) -> Reply<HeartbeatResponse> {
        if let error = context.refusal(.read, .group(request.groupId)) {
            return .now(HeartbeatResponse { $0.errorCode = error })
        }
        var response = HeartbeatResponse()
        response.errorCode = context.broker.groups.heartbeat(
            request.groupId, memberID: request.memberId, instanceID: request.groupInstanceId,
            generation: request.generationId)
        return .now(response)
    }
}
