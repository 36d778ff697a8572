internal import VarvePlatform
package import VarveWire

extension Group {
    /// Somebody came, changed or went: starts the next generation, or ends its join phase when
    /// this was the last to wait for.
    mutating func membershipChanged(at time: GroupTime, into effects: inout [GroupEffect]) {
        switch state {
        case .dead:
            break
        case .empty:
            if !members.isEmpty { prepareRebalance(at: time, into: &effects) }
        case .completingRebalance, .stable:
            prepareRebalance(at: time, into: &effects)
        case .preparingRebalance:
            completeJoinIfReady(at: time, into: &effects)
        }
    }

    /// Asks every member to join again: heartbeats answer REBALANCE_IN_PROGRESS from now on.
    mutating func prepareRebalance(at time: GroupTime, into effects: inout [GroupEffect]) {
        if state == .completingRebalance { failSyncs(.rebalanceInProgress, into: &effects) }
        syncDeadline = nil
        awaitedSyncs = []
        storingGeneration = nil
        let isFirst = state == .empty
        transition(to: .preparingRebalance, at: time)
        guard isFirst else {
            joinPhase = JoinPhase(deadline: time.monotonic + rebalanceTimeout)
            return completeJoinIfReady(at: time, into: &effects)
        }
        // The first members of a group tend to start together; waiting for them spares a
        // rebalance for each.
        let delay = limits.initialRebalanceDelay
        joinPhase = JoinPhase(
            deadline: time.monotonic + delay, initialRemaining: max(rebalanceTimeout - delay, 0))
        if delay <= 0 { joinPhaseEnded(at: time, into: &effects) }
    }

    /// Ends the join phase when nobody is missing; a group's first one runs to its deadline.
    mutating func completeJoinIfReady(at time: GroupTime, into effects: inout [GroupEffect]) {
        guard
            state == .preparingRebalance, joinPhase?.initialRemaining == nil,
            pendingMembers.isEmpty, members.values.allSatisfy({ $0.parkedJoin != nil })
        else { return }
        completeJoin(at: time, into: &effects)
    }

    /// The join phase's deadline came.
    mutating func joinPhaseEnded(at time: GroupTime, into effects: inout [GroupEffect]) {
        guard state == .preparingRebalance, let phase = joinPhase else { return }
        if let remaining = phase.initialRemaining, remaining > 0, phase.hasNewcomer {
            let delay = min(limits.initialRebalanceDelay, remaining)
            joinPhase = JoinPhase(
                deadline: time.monotonic + delay, initialRemaining: remaining - delay)
            return
        }
        completeJoin(at: time, into: &effects)
    }

    /// Makes the next generation of whoever joined, and answers them.
    private mutating func completeJoin(at time: GroupTime, into effects: inout [GroupEffect]) {
        for member in members.values where member.parkedJoin == nil && member.instanceID == nil {
            remove(member.id, error: .unknownMemberId, into: &effects)
        }
        if !members.isEmpty {
            let joined = eldest { $0.parkedJoin != nil }
            guard let joined else {
                // Only static members are left, and none came back: their sessions decide.
                joinPhase = JoinPhase(
                    deadline: time.monotonic + max(rebalanceTimeout, 1))
                return
            }
            if leader.flatMap({ members[$0]?.parkedJoin }) == nil { leader = joined }
        }
        joinPhase = nil
        awaitedSyncs = []
        storingGeneration = nil
        // Generations stay positive: clients take a negative one for "no group".
        generation = generation == .max ? 1 : generation + 1
        guard !members.isEmpty else {
            protocolName = nil
            leader = nil
            transition(to: .empty, at: time)
            effects.append(.store(.emptied, snapshot()))
            return
        }
        protocolName = selectProtocol()
        transition(to: .completingRebalance, at: time)
        syncDeadline = time.monotonic + rebalanceTimeout
        for member in membersByAge {
            members[member.id]!.isNew = false
            members[member.id]!.deadline = time.monotonic + member.sessionTimeout
            // A static member that is away keeps its place until its session ends, and may still
            // be working on what it had.
            guard member.parkedJoin != nil else { continue }
            members[member.id]!.assignment = ByteSlice()
            awaitedSyncs.insert(member.id)
            answerJoin(member.id, joinAnswer(for: member.id), into: &effects)
        }
    }

    // MARK: Answers

    mutating func answerJoin(
        _ memberID: String, _ answer: JoinAnswer, into effects: inout [GroupEffect]
    ) {
        guard let ticket = members[memberID]?.parkedJoin else { return }
        members[memberID]!.parkedJoin = nil
        effects.append(.joined(ticket, answer))
    }

    mutating func answerSync(
        _ memberID: String, _ answer: SyncAnswer, into effects: inout [GroupEffect]
    ) {
        guard let ticket = members[memberID]?.parkedSync else { return }
        members[memberID]!.parkedSync = nil
        effects.append(.synced(ticket, answer))
    }

    mutating func failSyncs(_ error: ErrorCode, into effects: inout [GroupEffect]) {
        for member in membersByAge {
            answerSync(member.id, .failed(error), into: &effects)
        }
    }

    /// Takes a member or a pending id out; `error` goes to what it still has parked.
    mutating func remove(
        _ memberID: String, error: ErrorCode, into effects: inout [GroupEffect]
    ) {
        pendingMembers[memberID] = nil
        guard let member = members[memberID] else { return }
        answerJoin(memberID, .failed(error, memberID: memberID), into: &effects)
        answerSync(memberID, .failed(error), into: &effects)
        members[memberID] = nil
        awaitedSyncs.remove(memberID)
        if awaitedSyncs.isEmpty { syncDeadline = nil }
        if let instanceID = member.instanceID, staticMembers[instanceID] == memberID {
            staticMembers[instanceID] = nil
        }
        if leader == memberID { leader = eldest() }
    }

    // MARK: Time

    /// Does what has come due: ends join phases, drops members that went silent or never asked
    /// for their assignment, forgets ids that nobody used.
    package mutating func tick(at time: GroupTime, into effects: inout [GroupEffect]) {
        let now = time.monotonic
        for (id, deadline) in pendingMembers where deadline <= now { pendingMembers[id] = nil }
        var isSmaller = false
        for member in membersByAge where member.deadline <= now {
            if member.isExcused {
                members[member.id]!.deadline = now + member.sessionTimeout
            } else {
                remove(member.id, error: .unknownMemberId, into: &effects)
                isSmaller = true
            }
        }
        if let deadline = syncDeadline, deadline <= now {
            for id in awaitedSyncs { remove(id, error: .unknownMemberId, into: &effects) }
            syncDeadline = nil
            isSmaller = true
        }
        if isSmaller { membershipChanged(at: time, into: &effects) }
        completeJoinIfReady(at: time, into: &effects)
        if let phase = joinPhase, phase.deadline <= now {
            joinPhaseEnded(at: time, into: &effects)
        }
    }

    /// The group goes: everything parked is answered with `error`, nothing is taken on any more.
    package mutating func kill(
        _ error: ErrorCode, at time: GroupTime, into effects: inout [GroupEffect]
    ) {
        for member in membersByAge { remove(member.id, error: error, into: &effects) }
        pendingMembers = [:]
        joinPhase = nil
        syncDeadline = nil
        storingGeneration = nil
        transition(to: .dead, at: time)
    }
}
