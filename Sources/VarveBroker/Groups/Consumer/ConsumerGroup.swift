internal import VarvePlatform
package import VarveWire

/// One group of the consumer protocol (KIP-848): a value that events move, with no clock, thread
/// or disk of its own.
///
/// The group has an epoch, which grows with whatever asks for a new assignment: somebody joins,
/// leaves, falls silent or subscribes anew, or the topics read come, grow or go. A target
/// assignment is made for the epoch, and each member is led to it by its own heartbeats: it first
/// gives up what others are to have, and gets what others have given up. So no partition is ever
/// two members' at once: `owners` has one name for each.
///
/// The verbs stand in the files beside this one. An event that is not to count, because its
/// records could not be written, is undone by putting the value of before back.
package struct ConsumerGroup: Sendable {
    package let id: String
    package internal(set) var epoch: Int32 = 0
    /// The epoch that the members' targets are for.
    package internal(set) var assignmentEpoch: Int32 = 0
    package internal(set) var members: [String: ConsumerMember] = [:]
    /// Member ids by instance id.
    var staticMembers: [String: String] = [:]
    /// Who has a partition, or has not given it up yet.
    package internal(set) var owners: [PartitionID: String] = [:]
    /// The topics that members subscribe to, as far as there are such.
    package internal(set) var topics: [String: CatalogTopic] = [:]
    /// What each regular expression in use matches of the topics there are.
    var matches: [String: [String]] = [:]
    /// The catalog that `topics` are from; nil when members went since, or came back from disk.
    var catalogVersion: UInt64?
    /// The one that `matches` are from.
    var matchesVersion: UInt64?
    /// The version of the rights that they were found by; 0 where nobody has less than all.
    var visibleVersion: UInt64 = 0
    /// What the member whose heartbeat came last may know of; nil for all. As in Kafka, members
    /// with one expression share what it matches, by the rights of who had it matched last.
    var visible: VisibleTopics?
    /// Regular expressions in use; nil for one that does not compile.
    var patterns: [String: NamePattern?] = [:]
    /// The records that differ from what `takeChanges` gave last.
    var changes: Set<ConsumerRecordID> = []
    var limits: ConsumerLimits
    /// Ids given to members of the classic protocol that have not joined with them yet, and when
    /// each is forgotten.
    var pendingMembers: [String: Int64] = [:]

    package init(id: String, limits: ConsumerLimits) {
        self.id = id
        self.limits = limits
    }

    /// What changed since this was called last.
    mutating func takeChanges() -> Set<ConsumerRecordID> {
        defer { changes = [] }
        return changes
    }

    // MARK: Looking

    package enum State: String, CaseIterable, Sendable {
        /// No members; committed offsets may be there.
        case empty = "Empty"
        /// The epoch has no target assignment yet: the next heartbeat makes it.
        case assigning = "Assigning"
        /// Members are on their way to their targets.
        case reconciling = "Reconciling"
        case stable = "Stable"
        case dead = "Dead"
    }

    package var state: State {
        if members.isEmpty { return .empty }
        if epoch != assignmentEpoch { return .assigning }
        let isStable = members.values.allSatisfy {
            $0.state == .stable && $0.epoch == assignmentEpoch
        }
        return isStable ? .stable : .reconciling
    }

    /// The assignor that most members ask for, or else the broker's first.
    package var assignor: Assignor {
        var votes: [Assignor: Int] = [:]
        for member in members.values {
            guard let name = member.assignor, let assignor = Assignor(rawValue: name),
                limits.assignors.contains(assignor)
            else { continue }
            votes[assignor, default: 0] += 1
        }
        // Of equal numbers the one that the broker lists first.
        let most = votes.values.max()
        return limits.assignors.first { votes[$0] == most && most != nil }
            ?? limits.assignors.first ?? .uniform
    }

    /// Whether `topic` is one that members read.
    package func isSubscribed(to topic: String) -> Bool {
        !members.isEmpty
            && (topics[topic] != nil || members.values.contains { $0.topicNames.contains(topic) })
    }

    /// Whether a member may commit or fetch offsets in `epoch`; nil when it may.
    package func epochError(memberID: String, epoch: Int32) -> ErrorCode? {
        guard let member = members[memberID] else { return .unknownMemberId }
        if member.epoch == epoch { return nil }
        return member.classic == nil ? .staleMemberEpoch : .illegalGeneration
    }

    /// When `tick` has something to do next, in monotonic milliseconds.
    package var nextDeadline: Int64? {
        var earliest = Int64.max
        for member in members.values {
            earliest = min(earliest, member.sessionDeadline)
            if let deadline = member.revocationDeadline { earliest = min(earliest, deadline) }
            if let deadline = member.classic?.dueBy { earliest = min(earliest, deadline) }
        }
        for deadline in pendingMembers.values { earliest = min(earliest, deadline) }
        return earliest == .max ? nil : earliest
    }

    // MARK: Time

    /// The member lives.
    package mutating func prolong(_ memberID: String, at now: Int64) {
        guard let member = members[memberID] else { return }
        members[memberID]!.sessionDeadline =
            now + (member.classic?.sessionTimeout ?? limits.sessionTimeout)
    }

    /// Takes out members that went silent, and those that did not do in time what others wait
    /// for; returns why.
    package mutating func tick(at now: Int64) -> [(memberID: String, reason: String)] {
        pendingMembers = pendingMembers.filter { $0.value > now }
        var fenced: [(memberID: String, reason: String)] = []
        for member in members.values {
            if member.sessionDeadline <= now {
                fenced.append((member.id, "its session expired"))
            } else if let deadline = member.revocationDeadline, deadline <= now {
                fenced.append((member.id, "it did not give partitions up in time"))
            } else if let deadline = member.classic?.dueBy, deadline <= now {
                fenced.append((member.id, "it did not join, or sync, in time"))
            }
        }
        for (memberID, _) in fenced { remove(memberID) }
        if !fenced.isEmpty { bumpEpoch() }
        return fenced
    }

    // MARK: Shared steps

    mutating func bumpEpoch() {
        epoch = epoch >= .max - 1 ? 1 : epoch + 1
        changes.insert(.group)
    }

    mutating func remove(_ memberID: String) {
        guard let member = members.removeValue(forKey: memberID) else { return }
        release(member.assigned, of: memberID)
        release(member.revoked, of: memberID)
        if let instanceID = member.instanceID, staticMembers[instanceID] == memberID {
            staticMembers[instanceID] = nil
        }
        changes.formUnion([.member(memberID), .target(memberID), .current(memberID)])
        // What the others read may be less now.
        catalogVersion = nil
    }

    mutating func release(_ partitions: PartitionSet, of memberID: String) {
        for partition in partitions where owners[partition] == memberID { owners[partition] = nil }
    }
}
