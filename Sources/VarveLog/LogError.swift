package import VarvePlatform
package import VarveRecords

/// Why the log did not do what it was asked. Each case says what state it leaves.
package enum LogError: Error, Equatable, Sendable {
    /// A call of the file system failed. Where it was a write or a sync the partition is offline
    /// from then on (I6); where it was an open or a read nothing changed.
    case io(SystemError)
    /// No space left (ENOSPC, EDQUOT). The log is unchanged; try again when there is space.
    case full(SystemError)
    /// The topic (nil: all topics together) may hold no more bytes. The log is unchanged; try
    /// again when retention or a trim has made room.
    case overQuota(topic: String?, bytes: Int64, bytesMax: Int64)
    /// An earlier write or sync failed: nothing is taken or served until `reopen` (I6).
    case poisoned(path: String, cause: String)
    /// The offset is not between the log's start and its durable end.
    case offsetOutOfRange(requested: Int64, start: Int64, end: Int64)
    /// Bytes that fail their checksum, or files that contradict each other. Never served (I2).
    case corrupt(path: String, position: Int64, reason: String)
    /// What was handed to `append` is not one whole, valid batch.
    case badBatch(RecordError)
    /// The batch is whole, but a rule of Kafka's forbids it; the text says which.
    case invalidRecord(String)
    /// The batch is larger than the topic's `max.message.bytes`.
    case batchTooLarge(bytes: Int, bytesMax: Int)
    /// The batch is larger than a whole segment (`segment.bytes`).
    case segmentTooSmall(bytes: Int, segmentBytes: Int)
    /// A record's time is outside `message.timestamp.before.max.ms` and `.after.max.ms`.
    case invalidTimestamp(timestamp: Int64, now: Int64)
    /// A producer's batch is missing before this one.
    case outOfOrderSequence(producerID: Int64, expected: Int32, found: Int32)
    /// A newer instance of the same producer has written already.
    case invalidProducerEpoch(producerID: Int64, current: Int16, found: Int16)
    /// A batch outside a transaction from a producer whose transaction is open.
    case invalidTransactionState(producerID: Int64)
    /// A newer transaction coordinator has ended a transaction of this producer already.
    case coordinatorFenced(current: Int32, found: Int32)
    /// So many producers have an open transaction in the partition, which is the most it takes.
    case tooManyTransactions(countMax: Int)
    /// Another process (`holder`, as it wrote itself into the lock file) has the directory.
    case directoryLocked(path: String, holder: String)
    /// The directory was written by a newer Varve than this one.
    case newerFormat(path: String, found: Int, known: Int)
    /// There is no such topic, or it was deleted meanwhile.
    case unknownTopic(String)
    case topicExists(String)
    /// Another topic's name differs from this one's in nothing but dots and underscores.
    case topicCollides(String, with: String)
    /// Not 1 to 249 characters of `a-zA-Z0-9._-`, or `.` or `..`.
    case invalidTopicName(String)
    /// A configuration name that does not exist, or a value it does not take.
    case invalidConfiguration(name: String, reason: String)
    /// Fewer than one partition, fewer than there are, or more than the directory may hold.
    case invalidPartitionCount(Int, reason: String)
    /// The data directory was closed.
    case closed

    /// `.full` for no space left, `.io` for everything else.
    package init(_ error: SystemError) {
        self = error.isOnlyFull ? .full(error) : .io(error)
    }
}

extension SystemError {
    /// No space left, and nothing worse: a sync that fails for it is a failed sync like any other
    /// (I6).
    var isOnlyFull: Bool { isFull && call != "fdatasync" && call != "fsync" }

    /// Nothing was written, or not all of it for lack of space: what can wait is tried again.
    var isHarmless: Bool { isOnlyFull || call == "open" }
}

extension LogError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .io(let error): "\(error)"
        case .full(let error): "no space left: \(error)"
        case .overQuota(let topic, let bytes, let bytesMax):
            topic.map {
                "topic \($0) holds \(bytes) bytes; its varve.quota.bytes is \(bytesMax)"
            } ?? "all topics hold \(bytes) bytes; varve.log.quota.bytes is \(bytesMax)"
        case .poisoned(let path, let cause): "\(path) is offline: \(cause)"
        case .offsetOutOfRange(let requested, let start, let end):
            "offset \(requested) is outside \(start) to \(end)"
        case .corrupt(let path, let position, let reason):
            "\(path) is damaged at byte \(position): \(reason)"
        case .badBatch(let error): "not a valid record batch: \(error)"
        case .invalidRecord(let reason): "invalid record: \(reason)"
        case .batchTooLarge(let bytes, let bytesMax):
            "a batch of \(bytes) bytes is larger than max.message.bytes, \(bytesMax)"
        case .segmentTooSmall(let bytes, let segmentBytes):
            "a batch of \(bytes) bytes is larger than segment.bytes, \(segmentBytes)"
        case .invalidTimestamp(let timestamp, let now):
            "timestamp \(Timestamp.text(milliseconds: timestamp)) is too far from "
                + "\(Timestamp.text(milliseconds: now))"
        case .outOfOrderSequence(let producerID, let expected, let found):
            "producer \(producerID) sent sequence \(found) where \(expected) is next"
        case .invalidProducerEpoch(let producerID, let current, let found):
            "producer \(producerID) sent epoch \(found) after epoch \(current)"
        case .invalidTransactionState(let producerID):
            "producer \(producerID) has an open transaction, and sent a batch outside of it"
        case .coordinatorFenced(let current, let found):
            "coordinator epoch \(found) after epoch \(current)"
        case .tooManyTransactions(let countMax):
            "\(countMax) transactions are open in the partition"
        case .directoryLocked(let path, let holder): "\(path) is in use by \(holder)"
        case .newerFormat(let path, let found, let known):
            "\(path) has format \(found); this version knows \(known) and older"
        case .unknownTopic(let name): "there is no topic \(name)"
        case .topicExists(let name): "topic \(name) exists already"
        case .topicCollides(let name, let other):
            "topic '\(name)' collides with existing topic: \(other)"
        case .invalidTopicName(let name): "\"\(name)\" is not a topic name"
        case .invalidConfiguration(let name, let reason): "\(name): \(reason)"
        case .invalidPartitionCount(let count, let reason): "\(count) partitions: \(reason)"
        case .closed: "the data directory is closed"
        }
    }
}
