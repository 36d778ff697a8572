internal import VarvePlatform
internal import VarveWire

/// When a group with members may go over to the other protocol: the setting
/// `group.consumer.migration.policy` (KIP-848).
package enum GroupMigrationPolicy: String, CaseIterable, Sendable {
    case disabled
    case upgrade
    case downgrade
    case bidirectional

    var allowsUpgrade: Bool { self == .upgrade || self == .bidirectional }
    var allowsDowngrade: Bool { self == .downgrade || self == .bidirectional }
}

extension ConsumerGroup {
    /// The classic group as one of the consumer protocol, in its generation's epoch, with whoever
    /// had a place in that generation. Its other members are to join.
    ///
    /// A member has what it may still be working on: what it was assigned, and what it said at its
    /// last join that it had, unless somebody else was assigned that. Nobody is assigned in a
    /// generation whose assignment is not made yet, and members that came to its join phase have
    /// given up whatever they did not name.
    /// - Throws: where a member's subscription or assignment cannot be read.
    init(
        converting group: Group, limits: ConsumerLimits, topics catalog: TopicCatalog,
        at now: Int64
    ) throws(WireError) {
        self.init(id: group.id, limits: limits)
        epoch = group.generation
        assignmentEpoch = group.generation
        pendingMembers = group.pendingMembers
        var claims: [(generation: Int32, memberID: String, owned: PartitionSet)] = []
        for member in group.membersByAge {
            let metadata = member.protocols[0].metadata
            let subscription = try ConsumerSubscription.decode(metadata)
            guard !member.isNew else { continue }
            claims.append(
                (
                    subscription.generationId, member.id,
                    catalog.partitions(subscription.ownedPartitions)
                ))
            try take(member, subscription, of: group, catalog, at: now)
        }
        for claim in claims.sorted(by: { $0.generation > $1.generation }) {
            let free = claim.owned.filter { owners[$0] == nil }
            for partition in free { owners[partition] = claim.memberID }
            members[claim.memberID]!.assigned.formUnion(free)
        }
        for (id, member) in members { members[id]!.target.formUnion(member.assigned) }
        changes = allRecordIDs
    }

    private mutating func take(
        _ from: GroupMember, _ subscription: ConsumerSubscription, of group: Group,
        _ catalog: TopicCatalog, at now: Int64
    ) throws(WireError) {
        var member = ConsumerMember(id: from.id)
        member.instanceID = from.instanceID
        member.rackID = subscription.rackId
        member.clientID = from.clientID
        member.clientHost = from.clientHost
        member.rebalanceTimeout = from.rebalanceTimeout
        member.topicNames = Set(subscription.topics).sorted()
        member.classic = ConsumerMember.ClassicTerms(
            sessionTimeout: from.sessionTimeout, protocols: from.protocols)
        member.epoch = group.generation
        member.previousEpoch = group.generation
        member.sessionDeadline = now + from.sessionTimeout
        if !from.assignment.isEmpty {
            let assigned = try ConsumerAssignment.decode(from.assignment).assignedPartitions
            let partitions = catalog.partitions(assigned).filter { owners[$0] == nil }
            // It is meant for the member all the same: what moves least is best.
            member.target = partitions
            if group.state != .preparingRebalance || from.parkedJoin == nil {
                for partition in partitions { owners[partition] = from.id }
                member.assigned = partitions
            }
        }
        members[from.id] = member
        if let instanceID = from.instanceID { staticMembers[instanceID] = from.id }
    }
}

extension Group {
    /// The consumer group, whose members are all of the classic protocol, as a classic group that
    /// rebalances. Its generation is the latest that a member has reached: members behind it
    /// start anew, and the others join as they do in any rebalance.
    ///
    /// What members have is in the group's record. It names no leader until there is one, so that
    /// a restart finds a group that has to rebalance, and not one that has settled for this.
    init(
        converting consumers: ConsumerGroup, limits: GroupLimits, topics catalog: TopicCatalog,
        at time: GroupTime
    ) {
        self.init(id: consumers.id, limits: limits, at: time)
        generation = max(consumers.members.values.map(\.epoch).max() ?? 0, 0)
        protocolType = Self.consumerProtocolType
        pendingMembers = consumers.pendingMembers
        for from in consumers.members.values.sorted(by: { $0.id < $1.id }) {
            guard let terms = from.classic else {
                preconditionFailure("\(from.id) is of the consumer protocol")
            }
            var member = GroupMember(
                id: from.id, instanceID: from.instanceID, clientID: from.clientID,
                clientHost: from.clientHost, sessionTimeout: terms.sessionTimeout,
                rebalanceTimeout: from.rebalanceTimeout, protocols: terms.protocols,
                number: nextNumber(), isNew: false, deadline: from.sessionDeadline)
            member.assignment = catalog.assignment(
                from.assigned.union(from.revoked), among: catalog.names(of: from))
            members[from.id] = member
            if let instanceID = from.instanceID { staticMembers[instanceID] = from.id }
        }
        protocolName = selectProtocol()
        transition(to: .preparingRebalance, at: time)
        joinPhase = JoinPhase(deadline: time.monotonic + rebalanceTimeout)
    }
}

extension TopicCatalog {
    /// The names of the topics that the member has partitions of.
    fileprivate func names(of member: ConsumerMember) -> [String] {
        let ids = Set(member.assigned.union(member.revoked).map(\.topic))
        return topics.filter { ids.contains($0.value.id) }.map(\.key).sorted()
    }
}
