internal import VarvePlatform
internal import VarveWire

extension ConsumerGroup {
    /// A heartbeat: somebody joins, lives or leaves. Nothing has changed when it is refused.
    ///
    /// The session is not prolonged here, but by `prolong` when the answer stands: a heartbeat
    /// whose records cannot be written is one all the same.
    /// - Parameter request: one that has no `refusal`.
    package mutating func heartbeat(
        _ request: ConsumerHeartbeat, topics catalog: TopicCatalog, at now: Int64
    ) throws(ConsumerRefusal) -> ConsumerAnswer {
        if request.epoch < 0 { return try leave(request, at: now) }
        let pattern = try compiled(request.topicPattern)
        let isNew = try admit(request, at: now)
        let memberID = request.memberID
        let before = members[memberID]!
        if let pattern { patterns[request.topicPattern!] = pattern }
        let isAskingAnew = describe(memberID, by: request)
        visible = request.visible
        renew(catalog, isAsked: isNew || isAskingAnew)
        reconcile(memberID, owned: request.owned, at: now)

        let member = members[memberID]!
        let isNews =
            request.isFull || member.assigned != before.assigned || request.epoch != before.epoch
            || request.owned.map { $0 != member.assigned } ?? false
        return ConsumerAnswer(
            memberID: memberID, epoch: member.epoch, assignment: isNews ? member.assigned : nil)
    }

    private func compiled(_ pattern: String?) throws(ConsumerRefusal) -> NamePattern? {
        guard let pattern, !pattern.isEmpty else { return nil }
        if let known = patterns[pattern], let known { return known }
        do throws(NamePattern.Problem) {
            return try NamePattern(pattern)
        } catch {
            throw ConsumerRefusal(
                error: .invalidRegularExpression,
                message: "SubscribedTopicRegex `\(pattern)` is not a valid regular expression: "
                    + "\(error).")
        }
    }

    // MARK: Who it is

    /// Finds or makes the member; true when it is new.
    private mutating func admit(
        _ request: ConsumerHeartbeat, at now: Int64
    ) throws(ConsumerRefusal) -> Bool {
        let memberID = request.memberID
        let isJoining = request.epoch == ConsumerHeartbeat.joining
        if let instanceID = request.instanceID {
            let holder = staticMembers[instanceID].flatMap { members[$0] }
            if let holder, isJoining, holder.isPaused || holder.classic != nil {
                replace(holder, by: memberID, at: now)
                return false
            }
            if let holder, holder.id != memberID {
                throw isJoining
                    ? ConsumerRefusal(
                        error: .unreleasedInstanceId,
                        message: "Static member \(memberID) with instance id \(instanceID) cannot "
                            + "join the group because the instance id is owned by \(holder.id) "
                            + "member.")
                    : ConsumerRefusal(
                        error: .fencedInstanceId,
                        message: "Static member \(memberID) with instance id \(instanceID) was "
                            + "fenced by member \(holder.id).")
            }
            if holder == nil && !isJoining {
                throw ConsumerRefusal(
                    error: .unknownMemberId, message: "Instance id \(instanceID) is unknown.")
            }
        }
        guard let member = members[memberID] else {
            guard isJoining else { throw unknown(memberID) }
            guard members.count < limits.membersMax else {
                throw ConsumerRefusal(
                    error: .groupMaxSizeReached,
                    message: "The consumer group has reached its maximum capacity of "
                        + "\(limits.membersMax) members.")
            }
            var member = ConsumerMember(id: memberID)
            member.sessionDeadline = now + limits.sessionTimeout
            members[memberID] = member
            changes.formUnion([.member(memberID), .target(memberID), .current(memberID)])
            return true
        }
        if isJoining {
            beginAnew(memberID)
        } else if member.classic != nil {
            throw unknown(memberID)
        } else if let refusal = epochRefusal(of: member, request) {
            throw refusal
        }
        return false
    }

    private func unknown(_ memberID: String) -> ConsumerRefusal {
        ConsumerRefusal(
            error: .unknownMemberId,
            message: "Member \(memberID) is not a member of group \(id).")
    }

    /// Why a member may not go on in the epoch it names; nil when it may. One behind by an epoch
    /// may, where it owns nothing beyond what it has now: the answer that led it on was lost.
    private func epochRefusal(
        of member: ConsumerMember, _ request: ConsumerHeartbeat
    ) -> ConsumerRefusal? {
        if request.epoch == member.epoch { return nil }
        let isBehind = request.epoch < member.epoch
        if isBehind, request.epoch == member.previousEpoch,
            request.owned?.isSubset(of: member.assigned) == true
        {
            return nil
        }
        return ConsumerRefusal(
            error: .fencedMemberEpoch,
            message: "The consumer group member has a \(isBehind ? "smaller" : "greater") member "
                + "epoch (\(request.epoch)) than the one known by the group coordinator "
                + "(\(member.epoch)). The member must abandon all its partitions and rejoin.")
    }

    /// A member that the group has joins again: it has abandoned whatever it had, and what is
    /// still meant for it is its own at once.
    private mutating func beginAnew(_ memberID: String) {
        var member = members[memberID]!
        release(member.revoked, of: memberID)
        member.revoked = []
        member.revocationDeadline = nil
        member.state = .stable
        member.epoch = 0
        member.previousEpoch = 0
        members[memberID] = member
        changes.insert(.current(memberID))
    }

    /// A static member that was away comes back, under an id of now: everything is its own again.
    mutating func replace(_ old: ConsumerMember, by memberID: String, at now: Int64) {
        members[old.id] = nil
        changes.formUnion([.member(old.id), .target(old.id), .current(old.id)])
        // A member that has the new id already would be there twice.
        if members[memberID] != nil { remove(memberID) }
        var member = old
        member.id = memberID
        member.sessionDeadline = now + limits.sessionTimeout
        members[memberID] = member
        if let instanceID = old.instanceID { staticMembers[instanceID] = memberID }
        for partition in old.assigned { owners[partition] = memberID }
        for partition in old.revoked { owners[partition] = memberID }
        changes.formUnion([.member(memberID), .target(memberID)])
        beginAnew(memberID)
    }

    // MARK: What it says of itself

    /// Takes what the request says of its member; true when that asks for another assignment.
    private mutating func describe(_ memberID: String, by request: ConsumerHeartbeat) -> Bool {
        let before = members[memberID]!
        var member = before
        member.classic = nil
        member.clientID = request.clientID
        member.clientHost = request.clientHost
        if let instanceID = request.instanceID { member.instanceID = instanceID }
        if let rackID = request.rackID { member.rackID = rackID }
        if let timeout = request.rebalanceTimeout { member.rebalanceTimeout = timeout }
        if let names = request.topicNames {
            let names = Set(names).sorted()
            if names != member.topicNames { member.topicNames = names }
        }
        if let pattern = request.topicPattern {
            member.topicPattern = pattern.isEmpty ? nil : pattern
        }
        if let assignor = request.assignor { member.assignor = assignor }
        guard member != before else { return false }
        if before.instanceID != member.instanceID {
            if let old = before.instanceID, staticMembers[old] == memberID {
                staticMembers[old] = nil
            }
        }
        if let instanceID = member.instanceID { staticMembers[instanceID] = memberID }
        members[memberID] = member
        changes.insert(.member(memberID))
        return member.topicNames != before.topicNames
            || member.topicPattern != before.topicPattern || member.assignor != before.assignor
    }

    // MARK: Going

    private mutating func leave(
        _ request: ConsumerHeartbeat, at now: Int64
    ) throws(ConsumerRefusal) -> ConsumerAnswer {
        let memberID = request.memberID
        if let instanceID = request.instanceID {
            guard let holder = staticMembers[instanceID] else {
                throw ConsumerRefusal(
                    error: .unknownMemberId, message: "Instance id \(instanceID) is unknown.")
            }
            guard holder == memberID else {
                throw ConsumerRefusal(
                    error: .fencedInstanceId,
                    message: "Static member \(memberID) with instance id \(instanceID) was fenced "
                        + "by member \(holder).")
            }
        }
        guard var member = members[memberID] else { throw unknown(memberID) }
        if request.epoch == ConsumerHeartbeat.pausing {
            // It reads no more, so what it was to give up is free; the rest is kept for it.
            release(member.revoked, of: memberID)
            member.revoked = []
            member.revocationDeadline = nil
            member.state = .stable
            member.epoch = ConsumerHeartbeat.pausing
            member.sessionDeadline = now + limits.sessionTimeout
            members[memberID] = member
            changes.insert(.current(memberID))
        } else {
            remove(memberID)
            bumpEpoch()
        }
        return ConsumerAnswer(memberID: memberID, epoch: request.epoch, assignment: nil)
    }
}
