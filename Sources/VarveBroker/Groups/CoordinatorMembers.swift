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
        let newMemberID = "\(name)-\(newID())"
        // A member of a group that is gone has to start anew; only a newcomer makes the group.
        let outcome = act(on: groupID, isMade: request.memberID.isEmpty) {
            state, time, effects -> (answer: JoinAnswer?, settling: Settling?) in
            if state.consumers?.group.members.isEmpty == false {
                return joinConsumers(
                    request, newMemberID: newMemberID, of: groupID, &state, at: time)
            }
            switch makeClassic(groupID, &state, at: time) {
            case .failure(let failure):
                return (.failed(failure.code, memberID: request.memberID), nil)
            case .success(let settling):
                let ticket = state.nextTicket()
                state.parkedJoins[ticket] = completion
                state.group.join(
                    request, newMemberID: newMemberID, ticket: ticket, at: time, into: &effects)
                return (nil, settling)
            }
        }
        guard let outcome else {
            return completion(
                .failed(
                    request.memberID.isEmpty ? .coordinatorNotAvailable : .unknownMemberId,
                    memberID: request.memberID))
        }
        settleConsumers(outcome.settling, of: groupID) { error in
            guard let answer = outcome.answer else { return }
            completion(error.map { .failed($0, memberID: request.memberID) } ?? answer)
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
        let outcome = act(on: groupID) {
            state, time, effects -> (answer: SyncAnswer?, settling: Settling?) in
            guard state.consumers == nil else {
                let answer = state.consumers!.group.sync(
                    request, topics: catalog(ageMax: TopicCatalogCache.ageMax),
                    at: time.monotonic)
                return (answer, settling(state.consumers!))
            }
            let ticket = state.nextTicket()
            state.parkedSyncs[ticket] = completion
            state.group.sync(request, ticket: ticket, at: time, into: &effects)
            return (nil, nil)
        }
        guard let outcome else { return completion(.failed(.unknownMemberId)) }
        guard let answer = outcome.answer else { return }
        settleConsumers(outcome.settling, of: groupID) { error in
            completion(error.map { .failed($0) } ?? answer)
        }
    }

    /// Heartbeat: what it is answered.
    package func heartbeat(
        _ groupID: String, memberID: String, instanceID: String?, generation: Int32
    ) -> ErrorCode {
        if let error = memberError(groupID) { return error }
        let outcome = act(on: groupID) {
            state, time, _ -> (error: ErrorCode, settling: Settling?) in
            let settling = renewTopics(of: groupID, &state, at: time)
            let error =
                state.consumers?.group.heartbeat(
                    memberID, instanceID: instanceID, generation: generation, at: time.monotonic)
                ?? state.group.heartbeat(
                    memberID, instanceID: instanceID, generation: generation, at: time)
            return (error, settling)
        }
        settleConsumers(outcome?.settling, of: groupID) { _ in }
        return outcome?.error ?? .unknownMemberId
    }

    /// LeaveGroup: an error for all, or one answer for each in order.
    package func leave(
        _ groupID: String, _ leavers: [GroupLeaver]
    ) -> (error: ErrorCode, members: [ErrorCode]) {
        if let error = memberError(groupID) { return (error, []) }
        let outcome = act(on: groupID) {
            state, time, effects -> (error: ErrorCode, members: [ErrorCode], settling: Settling?) in
            if state.consumers != nil {
                return leaveConsumers(leavers, of: groupID, &state, at: time)
            }
            return (.none, state.group.leave(leavers, at: time, into: &effects), nil)
        }
        settleConsumers(outcome?.settling, of: groupID) { _ in }
        guard let outcome else { return (.none, leavers.map { _ in .unknownMemberId }) }
        return (outcome.error, outcome.members)
    }

    private func memberError(_ groupID: String) -> ErrorCode? {
        groupID.isEmpty ? .invalidGroupId : unavailability(of: groupID)
    }
}
