internal import VarvePlatform
package import VarveWire

/// Members of the classic protocol in a consumer group (KIP-848, "Online migration").
///
/// They go on with JoinGroup, SyncGroup, Heartbeat and LeaveGroup; a member's epoch is their
/// generation. Where a member of the consumer protocol is led on by a heartbeat, they are told to
/// join again, and the join leads them on: an eager member comes to it with nothing, a cooperative
/// one says what it still has. SyncGroup gives them what they may use; nobody leads.
extension ConsumerGroup {
    /// Whether all members are of the classic protocol, so that they can have a group of it.
    var isClassicOnly: Bool {
        !members.isEmpty && members.values.allSatisfy { $0.classic != nil }
    }

    // MARK: Join

    /// A JoinGroup request. When it is refused, nothing has changed but an id that was handed
    /// out, or a member that has to start anew.
    /// - Parameter newMemberID: an id that no member ever had, used where the request needs one.
    package mutating func join(
        _ request: GroupJoin, newMemberID: String, topics catalog: TopicCatalog, at now: Int64
    ) -> JoinAnswer {
        let given = request.memberID
        let held = given.isEmpty ? request.instanceID.flatMap { staticMembers[$0] } : nil
        let memberID = given.isEmpty ? newMemberID : given
        guard let subscription = Self.subscription(request),
            supports(request, apartFrom: held ?? memberID)
        else { return .failed(.inconsistentGroupProtocol, memberID: given) }
        let owned = catalog.partitions(subscription.ownedPartitions)
        if let error = joinError(request, held: held, owned: owned) {
            return .failed(error, memberID: given)
        }
        if isToStartAnew(given, owned) { return .failed(.unknownMemberId, memberID: given) }
        if given.isEmpty && request.requiresKnownMemberID && request.instanceID == nil {
            guard pendingMembers.count < limits.pendingMembersMax else {
                return .failed(.groupMaxSizeReached, memberID: "")
            }
            pendingMembers[memberID] = now + request.sessionTimeout
            return .failed(.memberIdRequired, memberID: memberID)
        }
        let isAsking = enrol(memberID, held: held, request, subscription, at: now)
        renew(catalog, isAsked: isAsking)
        reconcile(memberID, owned: owned, at: now)
        return joinAnswer(for: memberID)
    }

    /// Takes out a member that says it has what is not its own: it missed that others have what it
    /// works on, or may have it any time.
    private mutating func isToStartAnew(_ memberID: String, _ owned: PartitionSet) -> Bool {
        guard let member = members[memberID],
            !owned.isSubset(of: member.assigned.union(member.revoked))
        else { return false }
        remove(memberID)
        bumpEpoch()
        return true
    }

    /// Joins that a classic group had when it became this one: as `join`, but with one assignment
    /// for all. Each has its member's id.
    package mutating func join(
        _ requests: [GroupJoin], topics catalog: TopicCatalog, at now: Int64
    ) -> [JoinAnswer] {
        var isAsked = false
        var owned: [String: PartitionSet] = [:]
        for request in requests {
            guard let subscription = Self.subscription(request) else { continue }
            let mine = catalog.partitions(subscription.ownedPartitions)
            if isToStartAnew(request.memberID, mine) { continue }
            owned[request.memberID] = mine
            let isAsking = enrol(request.memberID, held: nil, request, subscription, at: now)
            isAsked = isAsked || isAsking
        }
        renew(catalog, isAsked: isAsked)
        return requests.map { request in
            guard let owned = owned[request.memberID] else {
                return .failed(.unknownMemberId, memberID: request.memberID)
            }
            reconcile(request.memberID, owned: owned, at: now)
            return joinAnswer(for: request.memberID)
        }
    }

    /// What a join subscribes to; nil where it is no consumer's. All protocols of a consumer say
    /// the same of it.
    static func subscription(_ request: GroupJoin) -> ConsumerSubscription? {
        guard request.protocolType == Group.consumerProtocolType else { return nil }
        return request.protocols.first.flatMap { subscription($0.metadata) }
    }

    static func subscription(_ metadata: ByteSlice) -> ConsumerSubscription? {
        do {
            return try ConsumerSubscription.decode(metadata)
        } catch {
            return nil
        }
    }

    /// Whether a protocol of the request is one that all others of the classic protocol support,
    /// so that they can always go back to a classic group.
    private func supports(_ request: GroupJoin, apartFrom memberID: String) -> Bool {
        request.protocols.contains { offered in
            members.values.allSatisfy { member in
                guard let classic = member.classic, member.id != memberID else { return true }
                return classic.protocols.contains { $0.name == offered.name }
            }
        }
    }

    private func joinError(
        _ request: GroupJoin, held: String?, owned: PartitionSet
    ) -> ErrorCode? {
        let given = request.memberID
        if held == nil && members[given] == nil && members.count >= limits.membersMax {
            return .groupMaxSizeReached
        }
        if given.isEmpty { return nil }
        if let instanceID = request.instanceID {
            guard let current = staticMembers[instanceID] else { return .unknownMemberId }
            if current != given { return .fencedInstanceId }
        }
        if let member = members[given] { return member.classic == nil ? .unknownMemberId : nil }
        // An id may be one of ours from before a restart. A member that we forgot must not go on
        // with what others may have by now.
        return pendingMembers[given] == nil && !owned.isEmpty ? .unknownMemberId : nil
    }

    /// Takes the member in, or what it says anew; true when that asks for another assignment.
    private mutating func enrol(
        _ memberID: String, held: String?, _ request: GroupJoin,
        _ subscription: ConsumerSubscription, at now: Int64
    ) -> Bool {
        pendingMembers[memberID] = nil
        if let held { replace(members[held]!, by: memberID, at: now) }
        let before = members[memberID]
        var member = before ?? ConsumerMember(id: memberID)
        member.instanceID = request.instanceID ?? member.instanceID
        member.rackID = subscription.rackId ?? member.rackID
        member.clientID = request.clientID
        member.clientHost = request.clientHost
        member.rebalanceTimeout = request.rebalanceTimeout
        member.topicNames = Set(subscription.topics).sorted()
        member.topicPattern = nil
        member.assignor = nil
        member.classic = ConsumerMember.ClassicTerms(
            sessionTimeout: request.sessionTimeout, protocols: request.protocols,
            dueBy: now + max(request.rebalanceTimeout, 1))
        member.sessionDeadline = now + request.sessionTimeout
        members[memberID] = member
        if let instanceID = member.instanceID { staticMembers[instanceID] = memberID }
        changes.insert(.member(memberID))
        guard let before else {
            changes.formUnion([.target(memberID), .current(memberID)])
            return true
        }
        return before.topicNames != member.topicNames || before.topicPattern != nil
    }

    private func joinAnswer(for memberID: String) -> JoinAnswer {
        let member = members[memberID]!
        var answer = JoinAnswer(error: .none, memberID: memberID)
        answer.generation = member.epoch
        answer.protocolType = Group.consumerProtocolType
        answer.protocolName = member.classic?.protocols.first?.name
        return answer
    }

    // MARK: Sync, heartbeat, leave

    /// A SyncGroup request: what its member may use.
    package mutating func sync(
        _ request: GroupSync, topics catalog: TopicCatalog, at now: Int64
    ) -> SyncAnswer {
        let memberID = request.memberID
        if let error = classicError(memberID, request.instanceID, request.generation) {
            return .failed(error)
        }
        let member = members[memberID]!
        let name = member.classic!.protocols[0].name
        if let type = request.protocolType, type != Group.consumerProtocolType {
            return .failed(.inconsistentGroupProtocol)
        }
        if let asked = request.protocolName, asked != name {
            return .failed(.inconsistentGroupProtocol)
        }
        // One that has partitions to give up learns it here, and joins again when it did.
        if member.epoch != epoch && member.state != .revoking {
            callBack(memberID, at: now)
            return .failed(.rebalanceInProgress)
        }
        members[memberID]!.classic!.dueBy = nil
        prolong(memberID, at: now)
        return SyncAnswer(
            error: .none, protocolType: Group.consumerProtocolType, protocolName: name,
            assignment: catalog.assignment(member.assigned, among: member.topicNames))
    }

    /// A Heartbeat request: what it is answered. Prolongs the member's session.
    package mutating func heartbeat(
        _ memberID: String, instanceID: String?, generation: Int32, at now: Int64
    ) -> ErrorCode {
        if let error = classicError(memberID, instanceID, generation) { return error }
        prolong(memberID, at: now)
        guard isToJoinAgain(members[memberID]!) else { return .none }
        callBack(memberID, at: now)
        return .rebalanceInProgress
    }

    /// There is another epoch, or something to give up, or all that it waited for is free.
    private func isToJoinAgain(_ member: ConsumerMember) -> Bool {
        if member.epoch != epoch { return true }
        switch member.state {
        case .stable: return false
        case .revoking: return true
        case .waiting:
            return member.target.subtracting(member.assigned).allSatisfy { owners[$0] == nil }
        }
    }

    private mutating func callBack(_ memberID: String, at now: Int64) {
        guard let member = members[memberID], member.classic?.dueBy == nil else { return }
        members[memberID]!.classic!.dueBy = now + max(member.rebalanceTimeout, 1)
    }

    /// A LeaveGroup request: one answer for each that leaves, in order.
    package mutating func leave(_ leavers: [GroupLeaver]) -> [ErrorCode] {
        var isSmaller = false
        let answers = leavers.map { leaver -> ErrorCode in
            if pendingMembers.removeValue(forKey: leaver.memberID) != nil { return .none }
            var memberID = leaver.memberID
            if memberID.isEmpty, let instanceID = leaver.instanceID {
                memberID = staticMembers[instanceID] ?? ""
            }
            if let error = identityError(memberID, leaver.instanceID) { return error }
            remove(memberID)
            isSmaller = true
            return .none
        }
        if isSmaller { bumpEpoch() }
        return answers
    }

    private func classicError(
        _ memberID: String, _ instanceID: String?, _ generation: Int32
    ) -> ErrorCode? {
        if let error = identityError(memberID, instanceID) { return error }
        return members[memberID]!.epoch == generation ? nil : .illegalGeneration
    }

    /// Whether `memberID` is one of the classic protocol, and may act for `instanceID`: nil when
    /// so, else why not.
    private func identityError(_ memberID: String, _ instanceID: String?) -> ErrorCode? {
        if let instanceID {
            guard let current = staticMembers[instanceID] else { return .unknownMemberId }
            if current != memberID { return .fencedInstanceId }
        }
        return members[memberID]?.classic == nil ? .unknownMemberId : nil
    }
}

extension TopicCatalog {
    /// Those of `claimed` that there are.
    func partitions(_ claimed: [ConsumerSubscription.TopicPartitions]) -> PartitionSet {
        var result: PartitionSet = []
        for claim in claimed {
            guard let topic = topics[claim.topic] else { continue }
            for number in claim.partitions where number >= 0 && number < topic.partitionCount {
                result.insert(PartitionID(topic.id, number))
            }
        }
        return result
    }

    /// `partitions`, all of topics with these `names`, as SyncGroup tells a consumer. Those of
    /// topics that are gone are left out.
    func assignment(_ partitions: PartitionSet, among names: [String]) -> ByteSlice {
        var numbers: [UniqueID: [Int32]] = [:]
        for partition in partitions {
            numbers[partition.topic, default: []].append(partition.partition)
        }
        var value = ConsumerAssignment()
        for name in names {
            guard let topic = topics[name], let mine = numbers[topic.id] else { continue }
            value.assignedPartitions.append(
                ConsumerAssignment.TopicPartitions {
                    $0.topic = name
                    $0.partitions = mine.sorted()
                })
        }
        do {
            return try value.encoded()
        } catch {
            // Only a name beyond 32767 bytes could be too long, and no topic has one.
            preconditionFailure("an assignment cannot be written: \(error)")
        }
    }
}
