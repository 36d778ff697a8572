internal import VarvePlatform
package import VarveWire

/// A member as LeaveGroup names it: by its id, or a static one by its instance id alone.
package struct GroupLeaver: Hashable, Sendable {
    package var memberID: String
    package var instanceID: String?

    package init(memberID: String, instanceID: String? = nil) {
        self.memberID = memberID
        self.instanceID = instanceID
    }
}

extension Group {
    /// A Heartbeat request: what it is answered. Prolongs the session of a member of this
    /// generation, during a rebalance too.
    package mutating func heartbeat(
        _ memberID: String, instanceID: String?, generation: Int32, at time: GroupTime
    ) -> ErrorCode {
        if state == .dead { return .coordinatorNotAvailable }
        if let error = identityError(memberID, instanceID) { return error }
        if generation != self.generation { return .illegalGeneration }
        if state == .empty { return .unknownMemberId }
        prolong(memberID, at: time)
        return state == .preparingRebalance ? .rebalanceInProgress : .none
    }

    private mutating func prolong(_ memberID: String, at time: GroupTime) {
        guard let member = members[memberID], !member.isNew else { return }
        members[memberID]!.deadline = time.monotonic + member.sessionTimeout
    }

    /// A LeaveGroup request: one answer for each that leaves, in order.
    package mutating func leave(
        _ leavers: [GroupLeaver], at time: GroupTime, into effects: inout [GroupEffect]
    ) -> [ErrorCode] {
        if state == .dead { return leavers.map { _ in .coordinatorNotAvailable } }
        var isSmaller = false
        var answers: [ErrorCode] = []
        for leaver in leavers {
            if pendingMembers.removeValue(forKey: leaver.memberID) != nil {
                answers.append(.none)
                continue
            }
            var memberID = leaver.memberID
            if memberID.isEmpty, let instanceID = leaver.instanceID {
                memberID = staticMembers[instanceID] ?? ""
            }
            if let error = identityError(memberID, leaver.instanceID) {
                answers.append(error)
                continue
            }
            remove(memberID, error: .unknownMemberId, into: &effects)
            isSmaller = true
            answers.append(.none)
        }
        if isSmaller { membershipChanged(at: time, into: &effects) }
        completeJoinIfReady(at: time, into: &effects)
        return answers
    }

    /// Whether an OffsetCommit may be written; nil when it may. A member's commit prolongs its
    /// session, as its heartbeat does.
    /// - Parameter generation: negative from clients outside the group protocol, whose commits
    ///   are taken while nobody is in the group.
    /// - Parameter isTransactional: it is part of a transaction, whose producer need not say which
    ///   member it works for, and is fenced by its own epoch (KIP-447).
    package mutating func commitError(
        memberID: String, instanceID: String?, generation: Int32, isTransactional: Bool = false,
        at time: GroupTime
    ) -> ErrorCode? {
        if state == .dead { return .coordinatorNotAvailable }
        if generation < 0 && state == .empty { return nil }
        guard generation >= 0 || !memberID.isEmpty || instanceID != nil else {
            return isTransactional ? nil : .unknownMemberId
        }
        if let error = identityError(memberID, instanceID) { return error }
        if generation != self.generation { return .illegalGeneration }
        // The member knows this generation but not yet what it owns in it.
        if state == .completingRebalance && !isTransactional { return .rebalanceInProgress }
        prolong(memberID, at: time)
        return nil
    }
}
