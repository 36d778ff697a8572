internal import VarvePlatform
internal import VarveWire

/// A consumer group in the coordinator: the group, and what `__consumer_offsets` has of it; or,
/// once it is `over`, the latter alone, until it is sure to be gone.
struct ConsumerState {
    var group: ConsumerGroup
    /// The group is of the other protocol, or deleted: it is to have no records.
    private(set) var isOver = false
    /// The records as last appended.
    private(set) var records: [ConsumerRecordID: ByteSlice]
    /// Appended and not known to be durable yet, in the log's order.
    private(set) var pending: [Pending] = []
    /// Records that the log may or may not have, since a sync failed: they are written again
    /// with the next ones.
    private(set) var suspects: Set<ConsumerRecordID> = []

    struct Pending {
        /// Durable when the log is up to here.
        let end: Int64
        let ids: Set<ConsumerRecordID>
    }

    /// - Parameter former: what the log may still have of an earlier group of the name.
    init(
        _ group: ConsumerGroup, records: [ConsumerRecordID: ByteSlice] = [:],
        after former: ConsumerState? = nil
    ) {
        self.group = group
        self.records = records
        // What belongs to no member of the group, if anything, is to go.
        suspects = Set(records.keys).subtracting(group.allRecordIDs)
        guard let former else { return }
        suspects.formUnion(former.suspects)
        for batch in former.pending { suspects.formUnion(batch.ids) }
    }

    /// The records that an earlier group left in the log.
    init(leftOver records: [ConsumerRecordID: ByteSlice], of id: String) {
        self.init(ConsumerGroup(id: id, limits: ConsumerLimits()), records: records)
        end()
    }

    /// From now on the group is to have no records.
    mutating func end() {
        suspects = Set(records.keys).union(suspects).subtracting([.classic])
        group = ConsumerGroup(id: group.id, limits: group.limits)
        isOver = true
    }

    /// It is over, and nothing of it can be in the log.
    var isGone: Bool { isOver && suspects.isEmpty && pending.isEmpty }

    /// What is to be written so that the log has the group as it is; in a batch's order.
    func difference(
        _ changes: Set<ConsumerRecordID>
    ) throws(WireError) -> [(id: ConsumerRecordID, value: ByteSlice?)] {
        var result: [(id: ConsumerRecordID, value: ByteSlice?)] = []
        let ids = changes.union(suspects)
        guard !ids.isEmpty else { return [] }
        for id in ids.sorted(by: ConsumerRecordID.precedes) {
            let value = isOver ? nil : try group.record(id)
            if suspects.contains(id) || value != records[id] { result.append((id, value)) }
        }
        return result
    }

    mutating func appended(
        _ written: [(id: ConsumerRecordID, value: ByteSlice?)], end: Int64
    ) {
        for (id, value) in written { records[id] = value }
        suspects = []
        pending.append(Pending(end: end, ids: Set(written.map(\.id))))
    }

    mutating func durable(_ end: Int64) {
        while let first = pending.first, first.end <= end { pending.removeFirst() }
    }

    /// What ended at `end` will never be durable, or nobody can say.
    mutating func lost(_ end: Int64) {
        for batch in pending where batch.end == end { suspects.formUnion(batch.ids) }
        if isOver { suspects.remove(.classic) }
        pending.removeAll { $0.end == end }
    }

    /// What takes the group out of the log again.
    var tombstones: [ConsumerRecordID] {
        Set(records.keys).union(suspects).sorted(by: ConsumerRecordID.precedes)
    }
}

extension GroupRecords {
    /// A consumer group's record; nil deletes it.
    mutating func add(_ id: ConsumerRecordID, _ value: ByteSlice?) throws(WireError) {
        add(key: try id.key(group: group), value: value)
    }

    /// Tombstones for all that the consumer group has, if there is one.
    mutating func remove(_ consumers: ConsumerState?) throws(WireError) {
        for id in consumers?.tombstones ?? [] where id != .classic { try add(id, nil) }
    }
}

extension GroupEntry.State {
    /// What was appended of the consumer group up to `end` is durable, or lost, or nobody can say.
    mutating func settledConsumers(_ end: Int64, isLost: Bool) {
        if isLost {
            consumers?.lost(end)
            former?.lost(end)
        } else {
            consumers?.durable(end)
            former?.durable(end)
        }
        if former?.isGone == true { former = nil }
    }

    /// When the group has something to do next, in monotonic milliseconds.
    var nextDeadline: Int64? {
        guard let other = consumers?.group.nextDeadline else { return group.nextDeadline }
        return min(group.nextDeadline ?? other, other)
    }

    /// Whether the log has a record of the group itself.
    var isRecorded: Bool { record != nil || consumers != nil || former != nil }

    /// Whether anybody is in the group, by whichever protocol.
    var hasMembers: Bool {
        !group.members.isEmpty || consumers.map { !$0.group.members.isEmpty } ?? false
    }

    /// Whether `topic` is one that live members read. True when that cannot be known.
    func isSubscribed(to topic: String) -> Bool {
        consumers?.group.isSubscribed(to: topic) ?? group.isSubscribed(to: topic)
    }

    /// Whether an OffsetCommit may be written; nil when it may.
    /// - Parameter isTransactional: it is part of a transaction, see `Group.commitError`.
    mutating func commitError(
        _ committer: OffsetCommitter, isTransactional: Bool = false, at time: GroupTime
    ) -> ErrorCode? {
        guard let consumers, group.state != .dead else {
            return group.commitError(
                memberID: committer.memberID, instanceID: committer.instanceID,
                generation: committer.generation, isTransactional: isTransactional, at: time)
        }
        // A producer that does not say whom it works for is fenced by its own epoch (KIP-447).
        if isTransactional && committer.generation < 0 && committer.memberID.isEmpty { return nil }
        if committer.generation < 0 && consumers.group.members.isEmpty { return nil }
        // Members of the consumer protocol commit with version 9 and later, as Kafka has it.
        if !isTransactional && !committer.knowsMissingGroups,
            let member = consumers.group.members[committer.memberID], member.classic == nil {
            return .unsupportedVersion
        }
        return consumers.group.epochError(
            memberID: committer.memberID, epoch: committer.generation)
    }
}
