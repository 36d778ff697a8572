internal import VarveLog

/// What was appended, and is not known to be durable yet.
struct AppendedBatch: Sendable {
    let log: PartitionLog
    let result: AppendResult

    /// The offset behind its last record.
    var end: Int64 { result.nextOffset }

    /// See `PartitionLog.whenDurable`.
    func whenDurable(_ completion: @escaping @Sendable (LogError?) -> Void) {
        log.whenDurable(result, completion)
    }
}
