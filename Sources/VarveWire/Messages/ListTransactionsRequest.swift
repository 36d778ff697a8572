/// Asks for the transactional ids that the broker knows. A filter that is empty lets all through.
package struct ListTransactionsRequest: WireRequest {
    package typealias Response = ListTransactionsResponse
    package static let api = ApiKey.listTransactions

    /// Kafka's names of states, such as "Ongoing".
    package var stateFilters: [String] = []
    package var producerIdFilters: [Int64] = []
    /// Only transactions that run for longer, in milliseconds; negative for all.
    package var durationFilter: Int64 = -1
    /// A regular expression for the whole transactional id (KIP-1152).
    package var transactionalIdPattern: String?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&stateFilters)
        try c.array(&producerIdFilters)
        if c.version >= 1 { try c.int64(&durationFilter) }
        if c.version >= 2 { try c.string(&transactionalIdPattern) }
        try c.tags()
    }
}
