internal import VarvePlatform
internal import VarveWire

extension Group {
    /// A JoinGroup request. Answered at once or when its join phase ends.
    /// - Parameter newMemberID: an id that no member ever had, used where the request needs one.
    package mutating func join(
        _ request: GroupJoin, newMemberID: String, ticket: Ticket, at time: GroupTime,
        into effects: inout [GroupEffect]
    ) {
        func refuse(_ error: ErrorCode, memberID: String) {
            effects.append(.joined(ticket, .failed(error, memberID: memberID)))
        }
        guard state != .dead else {
            return refuse(.coordinatorNotAvailable, memberID: request.memberID)
        }
        let replaced =
            request.memberID.isEmpty ? request.instanceID.flatMap { staticMembers[$0] } : nil
        guard hasRoom(for: replaced ?? request.memberID) else {
            remove(request.memberID, error: .groupMaxSizeReached, into: &effects)
            refuse(.groupMaxSizeReached, memberID: "")
            return completeJoinIfReady(at: time, into: &effects)
        }
        guard supports(request, apartFrom: replaced ?? request.memberID) else {
            return refuse(.inconsistentGroupProtocol, memberID: request.memberID)
        }
        if let replaced {
            return replace(
                replaced, by: newMemberID, request, ticket: ticket, at: time, into: &effects)
        }
        if request.memberID.isEmpty {
            if request.requiresKnownMemberID && request.instanceID == nil {
                guard pendingMembers.count < limits.pendingMembersMax else {
                    return refuse(.groupMaxSizeReached, memberID: "")
                }
                pendingMembers[newMemberID] = time.monotonic + request.sessionTimeout
                return refuse(.memberIdRequired, memberID: newMemberID)
            }
            return add(newMemberID, request, ticket: ticket, at: time, into: &effects)
        }
        if request.instanceID == nil && pendingMembers[request.memberID] != nil {
            return add(request.memberID, request, ticket: ticket, at: time, into: &effects)
        }
        if let error = identityError(request.memberID, request.instanceID) {
            return refuse(error, memberID: request.memberID)
        }
        rejoin(request, ticket: ticket, at: time, into: &effects)
    }

    /// While a generation gathers, only those count who are there, so that a group that is too
    /// large sheds its latest comers.
    private func hasRoom(for memberID: String) -> Bool {
        switch state {
        case .empty, .dead:
            return true
        case .preparingRebalance:
            return members[memberID]?.parkedJoin != nil
                || members.values.count(where: { $0.parkedJoin != nil }) < limits.membersMax
        case .completingRebalance, .stable:
            return members[memberID] != nil || members.count < limits.membersMax
        }
    }

    /// Whether some protocol of the request is one that all others support as well.
    private func supports(_ request: GroupJoin, apartFrom memberID: String) -> Bool {
        guard !request.protocolType.isEmpty, !request.protocols.isEmpty else { return false }
        if members.isEmpty { return true }
        guard request.protocolType == protocolType else { return false }
        return request.protocols.contains { offered in
            members.values.allSatisfy { $0.id == memberID || $0.supports(offered.name) }
        }
    }

    private mutating func add(
        _ memberID: String, _ request: GroupJoin, ticket: Ticket, at time: GroupTime,
        into effects: inout [GroupEffect]
    ) {
        pendingMembers[memberID] = nil
        if members.isEmpty { protocolType = request.protocolType }
        // A member in its first join cannot beat, and we cannot see whether it still listens;
        // if it does, it asks again after this time.
        var member = GroupMember(
            id: memberID, instanceID: request.instanceID, clientID: request.clientID,
            clientHost: request.clientHost, sessionTimeout: request.sessionTimeout,
            rebalanceTimeout: request.rebalanceTimeout, protocols: request.protocols,
            number: nextNumber(), isNew: true,
            deadline: time.monotonic + limits.newMemberTimeout)
        member.parkedJoin = ticket
        members[memberID] = member
        if let instanceID = request.instanceID { staticMembers[instanceID] = memberID }
        if leader == nil { leader = memberID }
        joinPhase?.hasNewcomer = true
        membershipChanged(at: time, into: &effects)
    }

    /// A member that we know joins again.
    private mutating func rejoin(
        _ request: GroupJoin, ticket: Ticket, at time: GroupTime,
        into effects: inout [GroupEffect]
    ) {
        let member = members[request.memberID]!
        let isUnchanged = member.protocols == request.protocols
        // In CompletingRebalance it may have missed the answer to its join; a follower whose
        // metadata did not change brings nothing new in Stable either.
        let isRepeat =
            isUnchanged
            && (state == .completingRebalance || state == .stable && leader != member.id)
        guard !isRepeat else {
            effects.append(.joined(ticket, joinAnswer(for: member.id)))
            members[member.id]!.deadline = time.monotonic + member.sessionTimeout
            return
        }
        update(member.id, request, ticket: ticket, into: &effects)
        if member.isNew { members[member.id]!.deadline = time.monotonic + limits.newMemberTimeout }
        membershipChanged(at: time, into: &effects)
    }

    private mutating func update(
        _ memberID: String, _ request: GroupJoin, ticket: Ticket, into effects: inout [GroupEffect]
    ) {
        answerJoin(
            memberID, .failed(.rebalanceInProgress, memberID: memberID), into: &effects)
        members[memberID]!.protocols = request.protocols
        members[memberID]!.sessionTimeout = request.sessionTimeout
        members[memberID]!.rebalanceTimeout = request.rebalanceTimeout
        members[memberID]!.clientID = request.clientID
        members[memberID]!.clientHost = request.clientHost
        members[memberID]!.parkedJoin = ticket
    }

    /// A static member comes back without its old id: the new id takes the old one's place, and
    /// whoever still uses the old one is fenced (KIP-345).
    private mutating func replace(
        _ oldID: String, by newID: String, _ request: GroupJoin, ticket: Ticket,
        at time: GroupTime, into effects: inout [GroupEffect]
    ) {
        let old = members[oldID]!
        let leaderBefore = leader
        answerJoin(oldID, .failed(.fencedInstanceId, memberID: oldID), into: &effects)
        answerSync(oldID, .failed(.fencedInstanceId), into: &effects)
        var member = GroupMember(
            id: newID, instanceID: old.instanceID, clientID: request.clientID,
            clientHost: request.clientHost, sessionTimeout: request.sessionTimeout,
            rebalanceTimeout: request.rebalanceTimeout, protocols: request.protocols,
            number: old.number, isNew: old.isNew,
            deadline: time.monotonic
                + (old.isNew ? limits.newMemberTimeout : request.sessionTimeout))
        member.assignment = old.assignment
        member.parkedJoin = ticket
        members[oldID] = nil
        members[newID] = member
        staticMembers[member.instanceID!] = newID
        if awaitedSyncs.remove(oldID) != nil { awaitedSyncs.insert(newID) }
        if leader == oldID { leader = newID }

        guard state == .stable, selectProtocol() == protocolName, isSameWork(old, member) else {
            // In CompletingRebalance the leader may already assign to the old id, so the
            // generation has to be made anew there as well.
            return membershipChanged(at: time, into: &effects)
        }
        var answer = joinAnswer(for: newID)
        if request.canSkipAssignment {
            answer.skipAssignment = newID == leader
        } else {
            // An older client that finds itself leader would assign anew. It is told of the old
            // id as leader and so takes itself for a follower.
            answer.leader = leaderBefore ?? ""
            answer.members = []
        }
        effects.append(
            .store(.replacement(memberID: newID, ticket, answer), snapshot()))
    }

    /// Whether two lives of a static member want the same, so that its assignment may stand.
    /// A consumer's metadata also says what it owned before, which is no difference.
    private func isSameWork(_ old: GroupMember, _ new: GroupMember) -> Bool {
        let before = old.metadata(for: protocolName)
        let after = new.metadata(for: protocolName)
        if before == after { return true }
        guard protocolType == Self.consumerProtocolType, let topics = Self.topics(in: after) else {
            return false
        }
        return Self.topics(in: before) == topics
    }

    /// The current generation as `memberID` may see it.
    func joinAnswer(for memberID: String) -> JoinAnswer {
        var answer = JoinAnswer(error: .none, memberID: memberID)
        answer.generation = generation
        answer.protocolType = protocolType
        answer.protocolName = protocolName
        answer.leader = leader ?? ""
        if memberID == leader {
            answer.members = membersByAge.map {
                JoinAnswer.Member(
                    id: $0.id, instanceID: $0.instanceID,
                    metadata: $0.metadata(for: protocolName))
            }
        }
        return answer
    }

    /// The protocol that most members like best among those that all support; the elder's word
    /// counts where votes are even.
    func selectProtocol() -> String? {
        let voters = membersByAge
        var votes: [String: Int] = [:]
        var order: [String] = []
        for voter in voters {
            let choice = voter.protocols.first { offered in
                voters.allSatisfy { $0.supports(offered.name) }
            }
            guard let choice else { continue }
            if votes[choice.name] == nil { order.append(choice.name) }
            votes[choice.name, default: 0] += 1
        }
        guard let most = votes.values.max() else { return nil }
        return order.first { votes[$0] == most }
    }
}
