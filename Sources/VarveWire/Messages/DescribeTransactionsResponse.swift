/// How transactional ids stand.
package struct DescribeTransactionsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var transactionStates: [TransactionState] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.array(&transactionStates)
        try c.tags()
    }

    /// One transactional id.
    package struct TransactionState: WireValue {
        package var errorCode = ErrorCode.none
        package var transactionalId: String = ""
        /// Kafka's name, such as "Ongoing".
        package var transactionState: String = ""
        package var transactionTimeoutMs: Int32 = 0
        /// Milliseconds since 1970, -1 outside a transaction.
        package var transactionStartTimeMs: Int64 = 0
        package var producerId: Int64 = 0
        package var producerEpoch: Int16 = 0
        package var topics: [Topic] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            try c.string(&transactionalId)
            try c.string(&transactionState)
            try c.int32(&transactionTimeoutMs)
            try c.int64(&transactionStartTimeMs)
            try c.int64(&producerId)
            try c.int16(&producerEpoch)
            try c.array(&topics)
            try c.tags()
        }
    }

    /// Partitions of one topic that have no marker yet.
    package struct Topic: WireValue {
        package var topic: String = ""
        package var partitions: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&topic)
            try c.array(&partitions)
            try c.tags()
        }
    }
}
