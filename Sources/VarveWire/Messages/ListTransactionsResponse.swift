/// The transactional ids that pass the filters.
package struct ListTransactionsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    /// Those of the request that name no state.
    package var unknownStateFilters: [String] = []
    package var transactionStates: [TransactionState] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.errorCode(&errorCode)
        try c.array(&unknownStateFilters)
        try c.array(&transactionStates)
        try c.tags()
    }

    /// One transactional id.
    package struct TransactionState: WireValue {
        package var transactionalId: String = ""
        package var producerId: Int64 = 0
        /// Kafka's name, such as "Ongoing".
        package var transactionState: String = ""

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&transactionalId)
            try c.int64(&producerId)
            try c.string(&transactionState)
            try c.tags()
        }
    }
}
