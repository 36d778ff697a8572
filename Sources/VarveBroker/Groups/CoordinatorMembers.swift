internal import VarvePlatform
package import VarveWire

/// The verbs of members: join, sync, beat, leave.
extension GroupCoordinator {
    /// JoinGroup. `completion` is called once, from any thread, maybe before this returns.
    package func join(
        _ groupID: String, _ request: GroupJoin,
        _ completion: @escaping @Sendable (JoinAnswer) -> Void
    ) {
        if let error = joinError(groupID, request) {
            return completion(.failed(error, memberID: request.memberID))
        }
        let name = request.instanceID ?? request.clientID
        // A member of a group that is gone has to start anew; only a newcomer makes the group.
        let isKnown: Void? = act(on: groupID, isMade: request.memberID.isEmpty) {
            state, time, effects in
            let ticket = state.nextTicket()
            state.parkedJoins[ticket] = completion
            if let error = makeClassic(groupID, &state, at: time) {
                effects.append(.joined(ticket, .failed(error, memberID: request.memberID)))
                return
            }
            state.group.join(
                request, newMemberID: "\(name)-\(UniqueID.random())", ticket: ticket,
                at: time, into: &effects)
        }
        if isKnown == nil {
            completion(
                .failed(
                    request.memberID.isEmpty ? .coordinatorNotAvailable : .unknownMemberId,
                    memberID: request.memberID))
        }
    }

    private func joinError(_ groupID: String, _ request: GroupJoin) -> ErrorCode? {
        if groupID.isEmpty { return .invalidGroupId }
        if let error = unavailability(of: groupID) { return error }
        if !settings.sessionTimeouts.contains(request.sessionTimeout) {
            return .invalidSessionTimeout
        }
        // More than any assignor's metadata: it stays in memory and goes into one record.
        let bytes = request.protocols.reduce(0) { $0 + $1.metadata.count + $1.name.utf8.count }
        return bytes > settings.memberMetadataBytesMax ? .invalidRequest : nil
    }

    /// SyncGroup. `completion` is called once, from any thread, maybe before this returns.
    package func sync(
        _ groupID: String, _ request: GroupSync,
        _ completion: @escaping @Sendable (SyncAnswer) -> Void
    ) {
        if let error = memberError(groupID) { return completion(.failed(error)) }
        let isKnown: Void? = act(on: groupID) { state, time, effects in
            let ticket = state.nextTicket()
            state.parkedSyncs[ticket] = completion
            state.group.sync(request, ticket: ticket, at: time, into: &effects)
        }
        if isKnown == nil { completion(.failed(.unknownMemberId)) }
    }

    /// Heartbeat: what it is answered.
    package func heartbeat(
        _ groupID: String, memberID: String, instanceID: String?, generation: Int32
    ) -> ErrorCode {
        if let error = memberError(groupID) { return error }
        return act(on: groupID) { state, time, _ in
            state.group.heartbeat(
                memberID, instanceID: instanceID, generation: generation, at: time)
        } ?? .unknownMemberId
    }

    /// LeaveGroup: an error for all, or one answer for each in order.
    package func leave(
        _ groupID: String, _ leavers: [GroupLeaver]
    ) -> (error: ErrorCode, members: [ErrorCode]) {
        if let error = memberError(groupID) { return (error, []) }
        let answers = act(on: groupID) { state, time, effects in
            state.group.leave(leavers, at: time, into: &effects)
        }
        return (.none, answers ?? leavers.map { _ in .unknownMemberId })
    }

    private func memberError(_ groupID: String) -> ErrorCode? {
        groupID.isEmpty ? .invalidGroupId : unavailability(of: groupID)
    }
}
