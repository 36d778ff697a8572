internal import VarvePlatform
internal import VarveWire

/// ConsumerGroupHeartbeat (68): the one request of the consumer protocol's members. Answered when
/// what it changed is durable. Source: KIP-848, KIP-1082.
enum ConsumerGroupHeartbeatHandler: RequestHandler {
    typealias Request = ConsumerGroupHeartbeatRequest

    /// From this version on clients make their own member ids.
    private static let ownMemberIDSince: Int16 = 1

    static func handle(
        _ request: ConsumerGroupHeartbeatRequest, context: RequestContext
    ) -> Reply<ConsumerGroupHeartbeatResponse> {
        let error =
            context.refusal(.read, .group(request.groupId))
            ?? request.subscribedTopicNames?.lazy
            .compactMap { context.refusal(.describe, .topic($0)) }.first
        if let error { return .now(ConsumerGroupHeartbeatResponse { $0.errorCode = error }) }
        var beat = ConsumerHeartbeat()
        beat.memberID = request.memberId
        if request.memberId.isEmpty && request.memberEpoch == ConsumerHeartbeat.joining
            && context.version < ownMemberIDSince
        {
            beat.memberID = UniqueID.random().description
        }
        beat.epoch = request.memberEpoch
        beat.instanceID = request.instanceId
        beat.rackID = request.rackId
        beat.clientID = context.clientID
        beat.clientHost = "/" + context.peerHost
        beat.rebalanceTimeout =
            request.rebalanceTimeoutMs < 0 ? nil : Int64(request.rebalanceTimeoutMs)
        beat.topicNames = request.subscribedTopicNames
        beat.topicPattern = request.subscribedTopicRegex
        if let version = context.broker.authorizer?.version {
            beat.visible = VisibleTopics(version: version) {
                context.allows(.describe, .topic($0))
            }
        }
        beat.assignor = request.serverAssignor
        beat.owned = request.topicPartitions.map { PartitionSet($0) }

        let slot = context.slot(ConsumerGroupHeartbeatRequest.self)
        let groups = context.broker.groups
        let interval = Int32(clamping: groups.limits(of: request.groupId).heartbeatInterval)
        groups.beat(request.groupId, beat) { outcome in
            var response = ConsumerGroupHeartbeatResponse()
            switch outcome {
            case .success(let answer):
                response.memberId = answer.memberID
                response.memberEpoch = answer.epoch
                response.heartbeatIntervalMs = interval
                response.assignment = answer.assignment.map { assigned in
                    ConsumerGroupHeartbeatResponse.Assignment {
                        $0.topicPartitions = assigned.wire
                    }
                }
            case .failure(let refusal):
                response.errorCode = refusal.error
                response.errorMessage = refusal.message
            }
            slot.complete(response)
        }
        return .later
    }
}
