internal import VarvePlatform
internal import VarveWire

/// One record of a consumer group in `__consumer_offsets`, by what it is about.
enum ConsumerRecordID: Hashable, Sendable {
    /// The record of a classic group, which a consumer group has none of.
    case classic
    case group
    case topics
    case assignment
    case member(String)
    case target(String)
    case current(String)

    init?(_ key: ConsumerGroupKey, version: Int16) {
        switch version {
        case 3: self = .group
        case 4: self = .topics
        case 5: self = .member(key.member)
        case 6: self = .assignment
        case 7: self = .target(key.member)
        case 8: self = .current(key.member)
        default: return nil
        }
    }

    var version: Int16 {
        switch self {
        case .classic: 2
        case .group: 3
        case .topics: 4
        case .member: 5
        case .assignment: 6
        case .target: 7
        case .current: 8
        }
    }

    var memberID: String {
        switch self {
        case .classic, .group, .topics, .assignment: ""
        case .member(let id), .target(let id), .current(let id): id
        }
    }

    func key(group: String) throws(WireError) -> ByteSlice {
        if self == .classic { return try GroupKey { $0.group = group }.encoded() }
        return try ConsumerGroupKey {
            $0.group = group
            $0.member = memberID
        }.encoded(version: version)
    }

    /// The order of a batch, in which a reader finds a member before what the member has.
    static func precedes(_ left: ConsumerRecordID, _ right: ConsumerRecordID) -> Bool {
        (left.version, left.memberID) < (right.version, right.memberID)
    }
}

extension ConsumerGroup {
    /// The record `id` as it is to be; nil when there is to be none.
    func record(_ id: ConsumerRecordID) throws(WireError) -> ByteSlice? {
        switch id {
        case .classic: return nil
        case .group: return try ConsumerGroupMetadataValue { $0.epoch = epoch }.encoded()
        case .topics:
            var value = ConsumerGroupPartitionMetadataValue()
            value.topics = topics.sorted { $0.key < $1.key }.map { name, topic in
                ConsumerGroupPartitionMetadataValue.Topic {
                    $0.topicId = topic.id
                    $0.topicName = name
                    $0.numPartitions = topic.partitionCount
                }
            }
            return try value.encoded()
        case .assignment:
            return try ConsumerGroupTargetMetadataValue {
                $0.assignmentEpoch = assignmentEpoch
            }.encoded()
        case .member(let id): return try members[id].map(Self.metadata)?.encoded()
        case .target(let id):
            guard let member = members[id] else { return nil }
            return try ConsumerGroupTargetMemberValue {
                $0.topicPartitions = member.target.wire
            }.encoded()
        case .current(let id):
            guard let member = members[id] else { return nil }
            return try ConsumerGroupCurrentMemberValue {
                $0.memberEpoch = member.epoch
                $0.previousMemberEpoch = member.previousEpoch
                $0.state = member.state.rawValue
                $0.assignedPartitions = member.assigned.wire
                $0.partitionsPendingRevocation = member.revoked.wire
            }.encoded()
        }
    }

    private static func metadata(_ member: ConsumerMember) -> ConsumerGroupMemberMetadataValue {
        ConsumerGroupMemberMetadataValue {
            $0.instanceId = member.instanceID
            $0.rackId = member.rackID
            $0.clientId = member.clientID
            $0.clientHost = member.clientHost
            $0.subscribedTopicNames = member.topicNames
            $0.subscribedTopicRegex = member.topicPattern
            $0.rebalanceTimeoutMs = Int32(clamping: member.rebalanceTimeout)
            $0.serverAssignor = member.assignor
            $0.classicMemberMetadata = member.classic.map { terms in
                ConsumerGroupMemberMetadataValue.ClassicMetadata {
                    $0.sessionTimeoutMs = Int32(clamping: terms.sessionTimeout)
                    $0.supportedProtocols = terms.protocols.map { offered in
                        JoinGroupRequest.GroupProtocol {
                            $0.name = offered.name
                            $0.metadata = offered.metadata
                        }
                    }
                }
            }
        }
    }

    /// Every record that the group has.
    var allRecordIDs: Set<ConsumerRecordID> {
        var ids: Set<ConsumerRecordID> = [.group, .topics, .assignment]
        for id in members.keys { ids.formUnion([.member(id), .target(id), .current(id)]) }
        return ids
    }

    /// The group that `records` tell of. Its members go on where they were, and have one session
    /// from `now` to show up.
    ///
    /// A power cut may keep a batch that nobody was told of and lose the one before it. So the
    /// records may contradict each other: the group is mended then, and `changes` are not empty.
    /// - Throws: where a record does not parse.
    init(
        id: String, restoring records: [ConsumerRecordID: ByteSlice], limits: ConsumerLimits,
        at now: Int64
    ) throws(WireError) {
        self.init(id: id, limits: limits)
        if let bytes = records[.group] { epoch = try ConsumerGroupMetadataValue.decode(bytes).epoch }
        if let bytes = records[.assignment] {
            assignmentEpoch = try ConsumerGroupTargetMetadataValue.decode(bytes).assignmentEpoch
        }
        if let bytes = records[.topics] {
            for topic in try ConsumerGroupPartitionMetadataValue.decode(bytes).topics {
                topics[topic.topicName] = CatalogTopic(
                    id: topic.topicId, partitionCount: topic.numPartitions)
            }
        }
        let found = records.keys.filter { $0.version == 5 }
        for key in found.sorted(by: ConsumerRecordID.precedes) {
            let value = try ConsumerGroupMemberMetadataValue.decode(records[key]!)
            try restore(key.memberID, value, records, at: now)
        }
        dropRivals()
        let latest = max(epoch, assignmentEpoch, members.values.map(\.epoch).max() ?? 0)
        if !changes.isEmpty || latest > epoch || !areTargetsWhole {
            epoch = latest
            bumpEpoch()
        }
    }

    private mutating func restore(
        _ memberID: String, _ value: ConsumerGroupMemberMetadataValue,
        _ records: [ConsumerRecordID: ByteSlice], at now: Int64
    ) throws(WireError) {
        var member = ConsumerMember(id: memberID)
        member.instanceID = value.instanceId
        member.rackID = value.rackId
        member.clientID = value.clientId
        member.clientHost = value.clientHost
        member.topicNames = value.subscribedTopicNames
        member.topicPattern = value.subscribedTopicRegex
        if value.rebalanceTimeoutMs >= 0 { member.rebalanceTimeout = Int64(value.rebalanceTimeoutMs) }
        member.assignor = value.serverAssignor
        if let terms = value.classicMemberMetadata, !terms.supportedProtocols.isEmpty {
            member.classic = ConsumerMember.ClassicTerms(
                sessionTimeout: Int64(terms.sessionTimeoutMs),
                protocols: terms.supportedProtocols.map {
                    GroupProtocol(name: $0.name, metadata: $0.metadata.detached())
                })
        }
        member.sessionDeadline = now + (member.classic?.sessionTimeout ?? limits.sessionTimeout)
        if let bytes = records[.target(memberID)] {
            member.target = PartitionSet(
                try ConsumerGroupTargetMemberValue.decode(bytes).topicPartitions)
        }
        if let bytes = records[.current(memberID)] {
            let current = try ConsumerGroupCurrentMemberValue.decode(bytes)
            member.epoch = current.memberEpoch
            member.previousEpoch = current.previousMemberEpoch
            // A state of another broker's newer version: as one that has to begin anew.
            member.state = ConsumerMember.State(rawValue: current.state) ?? .waiting
            member.assigned = PartitionSet(current.assignedPartitions)
            member.revoked = PartitionSet(current.partitionsPendingRevocation)
            if member.state == .revoking {
                member.revocationDeadline = now + member.rebalanceTimeout
            }
        }
        members[memberID] = member
        if let instanceID = member.instanceID { staticMembers[instanceID] = memberID }
    }

    /// Makes out who has what. Who has something that another got in a later epoch is not a member
    /// any more: it was taken out, or gave that up, in a batch that is lost, and may work on it
    /// still.
    private mutating func dropRivals() {
        let latestFirst = members.values.sorted { ($1.epoch, $0.id) < ($0.epoch, $1.id) }
        for member in latestFirst {
            let held = member.assigned.union(member.revoked)
            guard held.allSatisfy({ owners[$0] == nil }) else {
                remove(member.id)
                continue
            }
            for partition in held { owners[partition] = member.id }
        }
    }

    /// Whether the targets share everything out, each partition once, and nobody counts as having
    /// got to a target that it has not.
    private var areTargetsWhole: Bool {
        // Without a target of this epoch the next heartbeat makes one.
        guard assignmentEpoch == epoch, !members.isEmpty else { return true }
        var targets: PartitionSet = []
        for member in members.values {
            guard targets.isDisjoint(with: member.target) else { return false }
            targets.formUnion(member.target)
            if member.state == .stable && member.epoch == epoch && member.assigned != member.target {
                return false
            }
        }
        return targets.count == topics.values.reduce(0) { $0 + Int($1.partitionCount) }
    }
}
