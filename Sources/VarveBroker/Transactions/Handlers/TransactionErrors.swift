internal import VarveWire

/// How each API tells its clients what the transaction coordinator found: newer error codes reach
/// only versions that know them. Source: Kafka's KafkaApis and ReplicaManager.
enum TransactionErrors {
    /// PRODUCER_FENCED where the version knows it, else INVALID_PRODUCER_EPOCH (KIP-588).
    static func fenced(_ code: ErrorCode, api: ApiKey, version: Int16) -> ErrorCode {
        guard code == .producerFenced else { return code }
        let since: Int16 = api == .initProducerId ? 4 : 2
        return version >= since ? .producerFenced : .invalidProducerEpoch
    }

    /// Produce from this version on knows TRANSACTION_ABORTABLE.
    private static let produceAbortableSince: Int16 = 11
    /// Produce from this version on leaves it to the broker to add partitions (KIP-890).
    static let produceAddsSince: Int16 = 12

    /// Why a batch was not taken.
    static func produce(_ code: ErrorCode, version: Int16) -> ErrorCode {
        switch code {
        // The client may abort, and have a new epoch; a fenced one then hears that it is.
        case .producerFenced: .invalidProducerEpoch
        case .invalidTxnState where version >= produceAbortableSince: .transactionAbortable
        // Older clients retry this one, and ask for no metadata because of it.
        case .concurrentTransactions where version < produceAddsSince: .notEnoughReplicas
        case .coordinatorNotAvailable: .notEnoughReplicas
        default: code
        }
    }

    /// TxnOffsetCommit from this version on knows TRANSACTION_ABORTABLE.
    private static let offsetsAbortableSince: Int16 = 4
    /// TxnOffsetCommit from this version on leaves it to the broker to add the group.
    static let offsetsAddsSince: Int16 = 5

    /// Why offsets were not taken.
    static func offsets(_ code: ErrorCode, version: Int16) -> ErrorCode {
        switch code {
        case .producerFenced: .invalidProducerEpoch
        case .invalidTxnState where version >= offsetsAbortableSince: .transactionAbortable
        case .concurrentTransactions where version < offsetsAddsSince: .coordinatorLoadInProgress
        default: code
        }
    }
}
