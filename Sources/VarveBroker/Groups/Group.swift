package import VarvePlatform
internal import VarveWire

/// One consumer group: a value that events move, with no clock, thread or disk of its own.
///
/// Requests that must wait are parked under their ticket and answered later by an effect, each
/// exactly once. The rules stand in the table at `GroupState`; the verbs in the files beside this
/// one, by the request that brings them. Source: Kafka's classic group protocol (KIP-62, KIP-345,
/// KIP-394, KIP-814).
package struct Group: Sendable {
    package let id: String
    package internal(set) var state = GroupState.empty
    /// Wall milliseconds of the last change of `state`; -1 when unknown.
    package internal(set) var stateSince: Int64
    /// Grows by one with every completed join phase.
    package internal(set) var generation: Int32 = 0
    package internal(set) var protocolType: String?
    package internal(set) var protocolName: String?
    package internal(set) var leader: String?
    package internal(set) var members: [String: GroupMember] = [:]
    /// Member ids by instance id.
    var staticMembers: [String: String] = [:]
    /// Ids handed out and not yet joined with, and when each is forgotten.
    var pendingMembers: [String: Int64] = [:]
    /// Members of this generation that have not asked for their assignment yet.
    var awaitedSyncs: Set<String> = []
    var syncDeadline: Int64?
    var joinPhase: JoinPhase?
    /// The generation whose assignment is being made durable.
    var storingGeneration: Int32?
    var limits: GroupLimits
    private var numberNext: UInt64 = 0

    /// How the running join phase ends.
    struct JoinPhase: Sendable {
        var deadline: Int64
        /// Milliseconds by which the first rebalance may still be prolonged; nil in later ones,
        /// which end as soon as everybody is there.
        var initialRemaining: Int64?
        /// Somebody new came since the deadline was set.
        var hasNewcomer = false
    }

    package init(id: String, limits: GroupLimits, at time: GroupTime) {
        self.id = id
        self.limits = limits
        stateSince = time.wall
    }

    /// A group as it was recorded. Its members have one session timeout, from now, to show up.
    package init(
        id: String, restoring snapshot: GroupSnapshot, limits: GroupLimits, at time: GroupTime
    ) {
        self.init(id: id, limits: limits, at: time)
        stateSince = snapshot.stateSince
        generation = snapshot.generation
        protocolType = snapshot.protocolType
        guard !snapshot.members.isEmpty else { return }
        state = .stable
        protocolName = snapshot.protocolName ?? ""
        for saved in snapshot.members {
            var member = GroupMember(
                id: saved.id, instanceID: saved.instanceID, clientID: saved.clientID,
                clientHost: saved.clientHost, sessionTimeout: saved.sessionTimeout,
                rebalanceTimeout: saved.rebalanceTimeout,
                protocols: [GroupProtocol(name: protocolName!, metadata: saved.subscription)],
                number: nextNumber(), isNew: false,
                deadline: time.monotonic + saved.sessionTimeout)
            member.assignment = saved.assignment
            members[saved.id] = member
            if let instanceID = saved.instanceID { staticMembers[instanceID] = saved.id }
        }
        guard snapshot.leader != nil else {
            // It came from the consumer protocol and has not agreed on anything yet.
            state = .preparingRebalance
            joinPhase = JoinPhase(deadline: time.monotonic + rebalanceTimeout)
            return
        }
        leader = snapshot.leader.flatMap { members[$0] == nil ? nil : $0 } ?? eldest()
    }

    mutating func nextNumber() -> UInt64 {
        numberNext += 1
        return numberNext
    }

    // MARK: Looking

    /// The members from the eldest to the youngest.
    package var membersByAge: [GroupMember] {
        members.values.sorted { $0.number < $1.number }
    }

    /// Neither members nor ids on their way.
    package var isDeserted: Bool { members.isEmpty && pendingMembers.isEmpty }

    /// Whether `topic` is one that live members read. True when their metadata does not tell.
    package func isSubscribed(to topic: String) -> Bool {
        guard !members.isEmpty else { return false }
        return subscribedTopics?.contains(topic) ?? true
    }

    /// The topics of a consumer group's members; nil where they cannot be known: no protocol
    /// chosen, another protocol type, or metadata that does not parse.
    package var subscribedTopics: Set<String>? {
        guard protocolType == Self.consumerProtocolType, let protocolName else { return nil }
        var topics: Set<String> = []
        for member in members.values {
            guard let more = Self.topics(in: member.metadata(for: protocolName)) else { return nil }
            topics.formUnion(more)
        }
        return topics
    }

    /// The protocol type of Kafka's consumers, whose metadata we can read.
    static let consumerProtocolType = "consumer"

    static func topics(in metadata: ByteSlice) -> Set<String>? {
        do {
            return Set(try ConsumerSubscription.decode(metadata).topics)
        } catch {
            return nil
        }
    }

    /// What the record in `__consumer_offsets` says, with `assignments` in place of the members'
    /// own where given.
    package func snapshot(assignments: [String: ByteSlice]? = nil) -> GroupSnapshot {
        GroupSnapshot(
            protocolType: protocolType, generation: generation, protocolName: protocolName,
            leader: leader, stateSince: stateSince,
            members: membersByAge.map { member in
                GroupSnapshot.Member(
                    id: member.id, instanceID: member.instanceID, clientID: member.clientID,
                    clientHost: member.clientHost, rebalanceTimeout: member.rebalanceTimeout,
                    sessionTimeout: member.sessionTimeout,
                    subscription: member.metadata(for: protocolName),
                    assignment: assignments.map { $0[member.id] ?? ByteSlice() }
                        ?? member.assignment)
            })
    }

    // MARK: Shared checks

    /// Whether `memberID` may act for `instanceID`: nil when it may, else why not.
    func identityError(_ memberID: String, _ instanceID: String?) -> ErrorCode? {
        if let instanceID {
            guard let current = staticMembers[instanceID] else { return .unknownMemberId }
            if current != memberID { return .fencedInstanceId }
        }
        return members[memberID] == nil ? .unknownMemberId : nil
    }

    mutating func transition(to next: GroupState, at time: GroupTime) {
        state = next
        stateSince = time.wall
    }

    func eldest(where condition: (GroupMember) -> Bool = { _ in true }) -> String? {
        members.values.filter(condition).min { $0.number < $1.number }?.id
    }

    /// The longest time that any member asked for to finish its work and join again.
    var rebalanceTimeout: Int64 { members.values.map(\.rebalanceTimeout).max() ?? 0 }

    /// When `tick` has something to do next, in monotonic milliseconds.
    package var nextDeadline: Int64? {
        var earliest = Int64.max
        for member in members.values where !member.isExcused {
            earliest = min(earliest, member.deadline)
        }
        for deadline in pendingMembers.values { earliest = min(earliest, deadline) }
        if let joinPhase { earliest = min(earliest, joinPhase.deadline) }
        if let syncDeadline { earliest = min(earliest, syncDeadline) }
        return earliest == .max ? nil : earliest
    }
}
