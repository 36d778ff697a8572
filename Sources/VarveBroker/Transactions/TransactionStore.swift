internal import VarveLog
internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

/// The topic `__transaction_state`, where transactions live in Kafka's own format: the key is the
/// transactional id, the value how it stands, and the latest record of a key counts.
///
/// A transactional id is in one partition, by its hash, so that its records keep their order: what
/// is durable of them is a prefix.
final class TransactionStore: Sendable {
    private let directory: DataDirectory
    private let settings: TransactionSettings
    /// Held while the topic is made, so that it is made once.
    private let making = Lock<Void>(())

    init(directory: DataDirectory, settings: TransactionSettings) {
        self.directory = directory
        self.settings = settings
    }

    /// The topic; nil until somebody needed it.
    var topic: Topic? { directory.topic(BrokerState.transactionsTopic) }

    /// The topic, made when it is missing. Durable on return; takes many syncs.
    func makeTopic(now: Int64) throws(LogError) -> Topic {
        if let topic { return topic }
        return try making.withLock { (_) throws(LogError) in
            if let topic { return topic }
            return try directory.createTopic(
                BrokerState.transactionsTopic, partitions: settings.partitions,
                overrides: [
                    "cleanup.policy": "compact",
                    "segment.bytes": "\(settings.segmentBytes)",
                    // A transaction over thousands of partitions is one record.
                    "max.message.bytes": "\(min(16 << 20, settings.segmentBytes))",
                ], now: now)
        }
    }

    /// The partition of a transactional id: by Kafka's rule, as that of a group.
    func partition(of id: String) -> Int {
        OffsetStore.partition(of: id, count: topic?.partitions.count ?? settings.partitions)
    }

    /// Appends how the id stands, or that it is forgotten (nil): to the page cache only.
    /// - Throws: what `PartitionLog.append` does; nothing was appended then.
    func append(
        _ id: String, _ value: TransactionValue?, now: Int64
    ) throws(LogError) -> AppendedBatch {
        let batch: ByteSlice
        do {
            var builder = RecordBatchBuilder()
            let key = TransactionKey { $0.transactionalId = id }
            builder.append(timestamp: now, key: try key.encoded(), value: try value?.encoded())
            batch = try builder.finish()
        } catch {
            throw .invalidRecord("the transaction \(id) cannot be written: \(error)")
        }
        let log = try makeTopic(now: now).partitions[partition(of: id)]
        return AppendedBatch(log: log, result: try log.append(batch, now: now))
    }
}

/// What one partition of `__transaction_state` says, the latest word of each id.
struct StoredTransactions {
    private(set) var transactions: [String: Transaction] = [:]
    /// Records that are not what they should be; they count for nothing.
    private(set) var unreadable = 0

    /// Everything durable in `log`, from its start.
    /// - Throws: the errors of a read: what came before is not the whole truth then and must not
    ///   be served.
    init(reading log: PartitionLog) throws(LogError) {
        try log.forEachDurableBatch { (header, bytes) throws(RecordError) in
            if header.attributes.isControl { return }
            for record in try RecordBatch.records(in: bytes) { take(record) }
        }
    }

    private mutating func take(_ record: Record) {
        do throws(WireError) {
            guard let key = record.key else { return unreadable += 1 }
            let id = try TransactionKey.decode(key).transactionalId
            guard let bytes = record.value else {
                transactions[id] = nil
                return
            }
            guard let read = Transaction(id: id, try TransactionValue.decode(bytes)) else {
                return unreadable += 1
            }
            transactions[id] = read
        } catch {
            unreadable += 1
        }
    }
}
