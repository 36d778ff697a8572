internal import VarveLog
internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

/// The topic `__consumer_offsets`, where groups and their offsets live in Kafka's own format.
///
///     key                                             value
///     int16 0 or 1, group, topic, partition int32     OffsetValue; null: no longer committed
///     int16 2, group                                  GroupMetadataValue; null: no longer there
///     int16 3 to 8, group, for some a member          see `ConsumerGroupKey`
///
/// The latest record of a key counts. A group is in one partition, by the hash of its id, so that
/// its records keep their order. Source: Kafka's `OffsetCommitKey`, `GroupMetadataKey`.
final class OffsetStore: Sendable {
    private let directory: DataDirectory
    private let settings: GroupSettings
    /// Held while the topic is made, so that it is made once.
    private let making = Lock<Void>(())

    init(directory: DataDirectory, settings: GroupSettings) {
        self.directory = directory
        self.settings = settings
    }

    /// The topic; nil until somebody needed it.
    var topic: Topic? { directory.topic(BrokerState.offsetsTopic) }

    /// The topic, made when it is missing. Durable on return.
    func makeTopic(now: Int64) throws(LogError) -> Topic {
        if let topic { return topic }
        return try making.withLock { (_) throws(LogError) in
            if let topic { return topic }
            return try directory.createTopic(
                BrokerState.offsetsTopic, partitions: settings.offsetsPartitions,
                overrides: [
                    "cleanup.policy": "compact",
                    "segment.bytes": "\(settings.offsetsSegmentBytes)",
                    // A large group's record, or a commit of thousands of partitions, is one batch.
                    "max.message.bytes": "\(min(16 << 20, settings.offsetsSegmentBytes))",
                ], now: now)
        }
    }

    /// The partition of a group: Kafka's `abs(groupId.hashCode()) % partitions`.
    static func partition(of group: String, count: Int) -> Int {
        var hash: Int32 = 0
        for unit in group.utf16 { hash = hash &* 31 &+ Int32(unit) }
        return hash == .min ? 0 : Int(abs(hash)) % count
    }

    func log(of group: String, now: Int64) throws(LogError) -> PartitionLog {
        let topic = try makeTopic(now: now)
        return topic.partitions[Self.partition(of: group, count: topic.partitions.count)]
    }

    /// Appends the group's records as one batch, to the page cache only.
    /// - Parameter producer: whose transaction they are part of. One call at a time for each: the
    ///   batch gets the producer's next sequence number here.
    /// - Throws: what `PartitionLog.append` does; nothing was appended then.
    func append(
        _ records: inout GroupRecords, of group: String, in producer: ProducerIdentity? = nil,
        now: Int64
    ) throws(LogError) -> AppendedBatch {
        let log = try log(of: group, now: now)
        let batch: ByteSlice
        do throws(RecordError) {
            if let producer {
                let next = log.nextSequence(of: producer.id, epoch: producer.epoch)
                batch = try records.finish(producer, sequence: next)
            } else {
                batch = try records.finish()
            }
        } catch {
            throw .badBatch(error)
        }
        return AppendedBatch(log: log, result: try log.append(batch, now: now))
    }

    /// What a client is told when the log did not take its records. Source: Kafka's
    /// `CoordinatorOperationExceptionHelper`.
    static func errorCode(for error: LogError) -> ErrorCode {
        switch error {
        case .full, .unknownTopic, .closed: .coordinatorNotAvailable
        case .io, .poisoned, .corrupt: .notCoordinator
        case .batchTooLarge, .segmentTooSmall: .invalidCommitOffsetSize
        default: .unknownServerError
        }
    }
}
