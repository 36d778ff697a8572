internal import VarvePlatform
package import VarveWire

extension Group {
    /// A SyncGroup request. Answered at once, or when the leader's assignment is durable.
    package mutating func sync(
        _ request: GroupSync, ticket: Ticket, at time: GroupTime,
        into effects: inout [GroupEffect]
    ) {
        if let error = syncError(request) {
            effects.append(.synced(ticket, .failed(error)))
            return
        }
        let memberID = request.memberID
        switch state {
        case .empty, .dead:
            effects.append(.synced(ticket, .failed(.unknownMemberId)))
        case .preparingRebalance:
            effects.append(.synced(ticket, .failed(.rebalanceInProgress)))
        case .completingRebalance:
            received(memberID)
            answerSync(memberID, .failed(.rebalanceInProgress), into: &effects)
            members[memberID]!.parkedSync = ticket
            guard memberID == leader, storingGeneration == nil else { return }
            storingGeneration = generation
            effects.append(
                .store(
                    .assignment(generation: generation, request.assignments),
                    snapshot(assignments: request.assignments)))
        case .stable:
            received(memberID)
            members[memberID]!.deadline = time.monotonic + members[memberID]!.sessionTimeout
            effects.append(.synced(ticket, syncAnswer(for: memberID)))
        }
    }

    private func syncError(_ request: GroupSync) -> ErrorCode? {
        if state == .dead { return .coordinatorNotAvailable }
        if let error = identityError(request.memberID, request.instanceID) { return error }
        if request.generation != generation { return .illegalGeneration }
        if let type = request.protocolType, type != protocolType {
            return .inconsistentGroupProtocol
        }
        // While a generation gathers the protocol is about to change anyway.
        if let name = request.protocolName, name != protocolName {
            return .inconsistentGroupProtocol
        }
        return nil
    }

    private mutating func received(_ memberID: String) {
        awaitedSyncs.remove(memberID)
        if awaitedSyncs.isEmpty { syncDeadline = nil }
    }

    private func syncAnswer(for memberID: String) -> SyncAnswer {
        SyncAnswer(
            error: .none, protocolType: protocolType, protocolName: protocolName,
            assignment: members[memberID]!.assignment)
    }

    /// The record asked for by `GroupEffect.store` is durable, or `error` says why it never
    /// will be. An answer that comes too late for its generation changes nothing.
    package mutating func stored(
        _ purpose: GroupStorePurpose, error: ErrorCode?, at time: GroupTime,
        into effects: inout [GroupEffect]
    ) {
        switch purpose {
        case .emptied:
            break
        case .assignment(let stored, let assignments):
            guard state == .completingRebalance, storingGeneration == stored else { return }
            storingGeneration = nil
            if let error {
                failSyncs(error, into: &effects)
                return prepareRebalance(at: time, into: &effects)
            }
            transition(to: .stable, at: time)
            for member in membersByAge {
                members[member.id]!.assignment = assignments[member.id] ?? ByteSlice()
                guard member.parkedSync != nil else { continue }
                members[member.id]!.deadline = time.monotonic + member.sessionTimeout
                answerSync(member.id, syncAnswer(for: member.id), into: &effects)
            }
        case .replacement(let memberID, let ticket, let answer):
            // In a join phase that began meanwhile the member is parked like the others.
            guard
                state == .stable, answer.generation == generation,
                members[memberID]?.parkedJoin == ticket
            else { return }
            members[memberID]!.deadline = time.monotonic + members[memberID]!.sessionTimeout
            guard let error else { return answerJoin(memberID, answer, into: &effects) }
            answerJoin(memberID, .failed(error, memberID: ""), into: &effects)
            // The record still names the old id: the next generation's will put it right.
            prepareRebalance(at: time, into: &effects)
        }
    }
}
