internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

/// Records of one group on their way into `__consumer_offsets`: one batch, all or nothing (I4).
struct GroupRecords {
    private var builder: RecordBatchBuilder
    let group: String
    private let now: Int64

    /// - Parameter now: wall milliseconds, the records' timestamp.
    /// - Parameter isTransactional: they count when their producer's transaction commits.
    init(group: String, now: Int64, isTransactional: Bool = false) {
        builder = RecordBatchBuilder(
            attributes: BatchAttributes(isTransactional: isTransactional))
        self.group = group
        self.now = now
    }

    var isEmpty: Bool { builder.recordCount == 0 }
    var byteCount: Int { builder.byteCount }

    /// A committed offset; nil deletes it (a tombstone).
    mutating func add(
        topic: String, partition: Int32, _ committed: CommittedOffset?
    ) throws(WireError) {
        var key = OffsetKey()
        key.group = group
        key.topic = topic
        key.partition = partition
        var bytes: ByteSlice?
        if let committed {
            let (value, version) = committed.value
            bytes = try value.encoded(version: version)
        }
        builder.append(timestamp: now, key: try key.encoded(), value: bytes)
    }

    /// The group itself, as `GroupRecords.encode` gave it; nil deletes it.
    mutating func add(group value: ByteSlice?) throws(WireError) {
        var key = GroupKey()
        key.group = group
        builder.append(timestamp: now, key: try key.encoded(), value: value)
    }

    /// A record of another kind, whose key is coded already; nil deletes it.
    mutating func add(key: ByteSlice, value: ByteSlice?) {
        builder.append(timestamp: now, key: key, value: value)
    }

    /// The batch; nothing is left.
    mutating func finish() throws(RecordError) -> ByteSlice { try builder.finish() }

    /// The same as a numbered batch of a producer.
    mutating func finish(
        _ producer: ProducerIdentity, sequence: Int32
    ) throws(RecordError) -> ByteSlice {
        try builder.finish(
            producerID: producer.id, producerEpoch: producer.epoch, baseSequence: sequence)
    }

    // MARK: A group as a record

    static func encode(_ snapshot: GroupSnapshot) throws(WireError) -> ByteSlice {
        var value = GroupMetadataValue()
        value.protocolType = snapshot.protocolType ?? ""
        value.generation = snapshot.generation
        value.protocolName = snapshot.protocolName
        value.leader = snapshot.leader
        value.currentStateTimestamp = snapshot.stateSince
        value.members = snapshot.members.map { from in
            GroupMetadataValue.Member {
                $0.memberId = from.id
                $0.groupInstanceId = from.instanceID
                $0.clientId = from.clientID
                $0.clientHost = from.clientHost
                $0.rebalanceTimeout = Int32(clamping: from.rebalanceTimeout)
                $0.sessionTimeout = Int32(clamping: from.sessionTimeout)
                $0.subscription = from.subscription
                $0.assignment = from.assignment
            }
        }
        return try value.encoded()
    }

    static func decode(_ bytes: ByteSlice) throws(WireError) -> GroupSnapshot {
        let value = try GroupMetadataValue.decode(bytes)
        return GroupSnapshot(
            protocolType: value.protocolType.isEmpty ? nil : value.protocolType,
            generation: value.generation, protocolName: value.protocolName, leader: value.leader,
            stateSince: value.currentStateTimestamp,
            members: value.members.map {
                GroupSnapshot.Member(
                    id: $0.memberId, instanceID: $0.groupInstanceId, clientID: $0.clientId,
                    clientHost: $0.clientHost, rebalanceTimeout: Int64($0.rebalanceTimeout),
                    sessionTimeout: Int64($0.sessionTimeout),
                    subscription: $0.subscription.detached(), assignment: $0.assignment.detached())
            })
    }
}
