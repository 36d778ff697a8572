/// The key of a transactional id in `__transaction_state`.
///
///     field            type
///     version          int16    0
///     transactionalId  string
///
/// Source: TransactionLogKey in Kafka's transaction coordinator.
package struct TransactionKey: VersionedRecord, Hashable {
    package static let versions: ClosedRange<Int16> = 0...0
    package static let versionWritten: Int16 = 0

    package var transactionalId: String = ""

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&transactionalId)
    }
}

/// How a transactional id stands, in `__transaction_state`; no value forgets it.
///
///     field                     type                      versions
///     producerId                int64                     0+
///     producerEpoch             int16                     0+
///     transactionTimeoutMs      int32                     0+
///     transactionStatus         int8                      0+
///     transactionPartitions     nullable [topic string,   0+
///                               [int32]]
///     lastUpdateTimestampMs     int64                     0+
///     startTimestampMs          int64                     0+
///     previousProducerId        int64                     1+, tag 0
///     nextProducerId            int64                     1+, tag 1
///     clientTransactionVersion  int16                     1+, tag 2
///
/// Source: TransactionLogValue in Kafka's transaction coordinator (KIP-98, KIP-890, KIP-915).
package struct TransactionValue: VersionedRecord {
    package static let versions: ClosedRange<Int16> = 0...1
    package static let versionWritten: Int16 = 1
    package static let flexibleSince: Int16? = 1

    package var producerId: Int64 = 0
    /// Of the transaction before, where that had another one; else -1.
    package var previousProducerId: Int64 = -1
    /// Given out already for what follows the transaction, where its epochs are used up; else -1.
    package var nextProducerId: Int64 = -1
    package var producerEpoch: Int16 = 0
    package var transactionTimeoutMs: Int32 = 0
    /// 0 Empty, 1 Ongoing, 2 PrepareCommit, 3 PrepareAbort, 4 CompleteCommit, 5 CompleteAbort,
    /// 6 Dead, 7 PrepareEpochFence.
    package var transactionStatus: Int8 = 0
    package var transactionPartitions: [Topic]?
    /// Milliseconds since 1970.
    package var lastUpdateTimestampMs: Int64 = 0
    /// Milliseconds since 1970, -1 outside a transaction.
    package var startTimestampMs: Int64 = 0
    /// 2 where the client's epoch rises with each transaction (KIP-890).
    package var clientTransactionVersion: Int16 = 0

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int64(&producerId)
        try c.int16(&producerEpoch)
        try c.int32(&transactionTimeoutMs)
        try c.int8(&transactionStatus)
        try c.array(&transactionPartitions)
        try c.int64(&lastUpdateTimestampMs)
        try c.int64(&startTimestampMs)
        try c.beginTags()
        try c.tag(0, isDefault: previousProducerId == -1) { c throws(WireError) in
            try c.int64(&previousProducerId)
        }
        try c.tag(1, isDefault: nextProducerId == -1) { c throws(WireError) in
            try c.int64(&nextProducerId)
        }
        try c.tag(2, isDefault: clientTransactionVersion == 0) { c throws(WireError) in
            try c.int16(&clientTransactionVersion)
        }
        try c.endTags()
    }

    /// Partitions of one topic that take part.
    package struct Topic: WireValue {
        package var topic: String = ""
        package var partitionIds: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&topic)
            try c.array(&partitionIds)
            try c.tags()
        }
    }
}
