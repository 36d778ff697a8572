internal import VarveWire

/// LeaveGroup (13): one member up to version 2, several from version 3 on (KIP-345).
enum LeaveGroupHandler: RequestHandler {
    typealias Request = LeaveGroupRequest

    static func handle(
        _ request: LeaveGroupRequest, context: RequestContext
    ) -> Reply<LeaveGroupResponse> {
        if let error = context.refusal(.read, .group(request.groupId)) {
            return .now(LeaveGroupResponse { $0.errorCode = error })
        }
        let leavers =
            context.version < 3
            ? [GroupLeaver(memberID: request.memberId)]
            : request.members.map {
                GroupLeaver(memberID: $0.memberId, instanceID: $0.groupInstanceId)
            }
        let (error, answers) = context.broker.groups.leave(request.groupId, leavers)
        var response = LeaveGroupResponse()
        response.errorCode = error
        if context.version < 3 {
            // The one member's answer is the answer.
            if error == .none, let only = answers.first { response.errorCode = only }
        } else {
            response.members = zip(leavers, answers).map { leaver, answer in
                LeaveGroupResponse.Member {
                    $0.memberId = leaver.memberID
                    $0.groupInstanceId = leaver.instanceID
                    $0.errorCode = answer
                }
            }
        }
        return .now(response)
    }
}
