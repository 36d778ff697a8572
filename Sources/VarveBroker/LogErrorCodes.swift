package import VarveLog
package import VarveRecords
package import VarveWire

extension ErrorCode {
    /// The Kafka error that tells a client what happened to the log.
    ///
    /// A full disk and a quota that is reached answer KAFKA_STORAGE_ERROR too: clients retry it, so
    /// ingest resumes by itself when there is space, and their logs name the disk. The text beside
    /// the code says which it was.
    package init(_ error: LogError) {
        switch error {
        case .io, .full, .overQuota, .poisoned: self = .kafkaStorageError
        case .offsetOutOfRange: self = .offsetOutOfRange
        case .corrupt: self = .corruptMessage
        case .badBatch(let error): self = ErrorCode(error)
        case .invalidRecord: self = .invalidRecord
        case .batchTooLarge: self = .messageTooLarge
        case .segmentTooSmall: self = .recordListTooLarge
        case .invalidTimestamp: self = .invalidTimestamp
        case .outOfOrderSequence: self = .outOfOrderSequenceNumber
        case .invalidProducerEpoch: self = .invalidProducerEpoch
        case .invalidTransactionState: self = .invalidTxnState
        case .coordinatorFenced: self = .transactionCoordinatorFenced
        // Final for the batch: the client aborts its transaction, and is not fenced.
        case .tooManyTransactions: self = .policyViolation
        case .unknownTopic: self = .unknownTopicOrPartition
        case .topicExists: self = .topicAlreadyExists
        case .invalidTopicName, .topicCollides: self = .invalidTopic
        case .invalidConfiguration: self = .invalidConfig
        case .invalidPartitionCount: self = .invalidPartitions
        // The broker stops: clients look for the leader again, and find it after its restart.
        case .closed: self = .notLeaderOrFollower
        case .directoryLocked, .newerFormat: self = .unknownServerError
        }
    }

    /// A batch whose bytes were damaged on the way is worth sending again (CORRUPT_MESSAGE is
    /// retriable); one that is whole and wrong is not.
    package init(_ error: RecordError) {
        switch error {
        case .truncated, .badLength, .badChecksum: self = .corruptMessage
        case .codecNotBuilt: self = .unsupportedCompressionType
        default: self = .invalidRecord
        }
    }
}
