/// Commits or aborts a transaction.
package struct EndTxnRequest: WireRequest {
    package typealias Response = EndTxnResponse
    package static let api = ApiKey.endTxn

    package var transactionalId: String = ""
    package var producerId: Int64 = 0
    package var producerEpoch: Int16 = 0
    /// False aborts it.
    package var committed: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&transactionalId)
        try c.int64(&producerId)
        try c.int16(&producerEpoch)
        try c.bool(&committed)
        try c.tags()
    }
}
