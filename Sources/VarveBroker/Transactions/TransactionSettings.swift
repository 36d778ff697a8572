/// What the broker's settings say about transactions. Times in milliseconds.
package struct TransactionSettings: Sendable {
    /// `transaction.state.log.num.partitions`; counts only when the topic is made.
    package var partitions = 50
    /// `transaction.state.log.segment.bytes`.
    package var segmentBytes = 16 << 20
    /// `transaction.max.timeout.ms`.
    package var timeoutMax: Int64 = 900_000
    /// `transactional.id.expiration.ms`.
    package var idExpiry: Int64 = 604_800_000
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
    package var timeoutCheckInterval: Int64 = 1000
    /// `transaction.remove.expired.transaction.cleanup.interval.ms`.
    package var expiryCheckInterval: Int64 = 3_600_000
    /// `varve.transactional.ids.max` (I8).
    package var idsMax = 100_000
    /// `varve.transaction.partitions.max` (I8).
    package var partitionsMax = 10_000

    package init() {}

    package init(_ settings: BrokerSettings) {
        partitions = settings.int("transaction.state.log.num.partitions")
        segmentBytes = settings.int("transaction.state.log.segment.bytes")
        timeoutMax = settings.integer("transaction.max.timeout.ms")
        idExpiry = settings.integer("transactional.id.expiration.ms")
        timeoutCheckInterval = settings.integer(
            "transaction.abort.timed.out.transaction.cleanup.interval.ms")
        expiryCheckInterval = settings.integer(
            "transaction.remove.expired.transaction.cleanup.interval.ms")
        idsMax = settings.int("varve.transactional.ids.max")
        partitionsMax = settings.int("varve.transaction.partitions.max")
    }
}
