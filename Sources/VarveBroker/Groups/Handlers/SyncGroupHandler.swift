internal import VarvePlatform
internal import VarveWire

/// SyncGroup (14). Parked until the leader's assignment is durable. Source: KIP-62, KIP-345.
enum SyncGroupHandler: RequestHandler {
    typealias Request = SyncGroupRequest

    static func handle(
        _ request: SyncGroupRequest, context: RequestContext
    ) -> Reply<SyncGroupResponse> {
        if let error = context.refusal(.read, .group(request.groupId)) {
            return .now(SyncGroupResponse { $0.errorCode = error })
        }
        var sync = GroupSync()
        sync.memberID = request.memberId
        sync.instanceID = request.groupInstanceId
        sync.generation = request.generationId
        sync.protocolType = request.protocolType
        sync.protocolName = request.protocolName
        for assignment in request.assignments {
            // It stays for as long as the generation does, the frame must not.
            sync.assignments[assignment.memberId] = assignment.assignment.detached()
        }
        let slot = context.slot(SyncGroupRequest.self)
        context.broker.groups.sync(request.groupId, sync) { answer in
            var response = SyncGroupResponse()
            response.errorCode = answer.error
            response.protocolType = answer.protocolType
            response.protocolName = answer.protocolName
            response.assignment = answer.assignment
            slot.complete(response)
        }
        return .later
    }
}
