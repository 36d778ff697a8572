internal import VarveLog
internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

/// What one partition of `__consumer_offsets` says, the latest word of each key.
struct StoredGroups {
    struct Stored {
        var record: ByteSlice?
        var offsets: CommittedOffsets = [:]
        /// Of transactions that no marker has ended.
        var transactional = TransactionalOffsets()
        /// Those of a group of the consumer protocol.
        var consumers: [ConsumerRecordID: ByteSlice] = [:]
    }

    private(set) var groups: [String: Stored] = [:]
    /// Records that are not what they should be; they count for nothing.
    private(set) var unreadable = 0
    private(set) var records = 0
    /// The groups with offsets in a producer's transaction.
    private var open: [Int64: Set<String>] = [:]

    /// Everything durable in `log`, from its start.
    /// - Throws: `.corrupt` and the other errors of a read: what came before is not the whole
    ///   truth then and must not be served, since a client without its offset starts anywhere.
    init(reading log: PartitionLog) throws(LogError) {
        try log.forEachDurableBatch { (header, bytes) throws(RecordError) in
            if header.attributes.isControl {
                let marker = bytes.withUnsafeBytes { TransactionMarker(controlBatch: $0) }
                if let marker { end(header.producerID, commits: marker.isCommit) }
                return
            }
            let producer = header.attributes.isTransactional ? header.producerID : nil
            for record in try RecordBatch.records(in: bytes) { take(record, of: producer) }
        }
        // An offset without its group's record is a simple consumer's; neither: nothing is left.
        groups = groups.filter {
            $0.value.record != nil || !$0.value.offsets.isEmpty || !$0.value.transactional.isEmpty
                || !$0.value.consumers.isEmpty
        }
    }

    private mutating func end(_ producerID: Int64, commits: Bool) {
        for group in open.removeValue(forKey: producerID) ?? [] where groups[group] != nil {
            for change in groups[group]!.transactional.end(producerID, commits: commits) {
                groups[group]!.offsets[change.topic, default: [:]][change.partition] = change.value
            }
        }
    }

    /// - Parameter producer: whose transaction the record is part of; nil outside of one.
    private mutating func take(_ record: Record, of producer: Int64?) {
        records += 1
        guard let key = record.key else {
            unreadable += 1
            return
        }
        do throws(WireError) {
            switch try GroupRecordKey.decode(key) {
            case .offset(let key): try take(key, record.value, of: producer)
            case .group(let key):
                groups[key.group, default: Stored()].record = record.value?.detached()
            case .consumerGroup(let key, let version):
                if let id = ConsumerRecordID(key, version: version) {
                    groups[key.group, default: Stored()].consumers[id] = record.value?.detached()
                }
            case .other: unreadable += 1
            }
        } catch {
            unreadable += 1
        }
    }

    private mutating func take(
        _ key: OffsetKey, _ bytes: ByteSlice?, of producer: Int64?
    ) throws(WireError) {
        if let producer, let bytes {
            let value = CommittedOffset(try OffsetValue.decode(bytes))
            open[producer, default: []].insert(key.group)
            groups[key.group, default: Stored()].transactional.append(
                [.init(topic: key.topic, partition: key.partition, value: value)], of: producer)
            return
        }
        groups[key.group]?.transactional.forget(key.topic, key.partition)
        guard let bytes else {
            groups[key.group]?.offsets[key.topic]?[key.partition] = nil
            if groups[key.group]?.offsets[key.topic]?.isEmpty == true {
                groups[key.group]?.offsets[key.topic] = nil
            }
            return
        }
        let value = try OffsetValue.decode(bytes)
        groups[key.group, default: Stored()].offsets[key.topic, default: [:]][key.partition] =
            CommittedOffset(value)
    }
}
