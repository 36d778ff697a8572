/// Asks for a producer id and epoch, for idempotent or transactional producing.
package struct InitProducerIdRequest: WireRequest {
    package typealias Response = InitProducerIdResponse
    package static let api = ApiKey.initProducerId

    /// Nil for a producer that is idempotent only.
    package var transactionalId: String?
    package var transactionTimeoutMs: Int32 = 0
    /// -1, or the id whose epoch is to be raised (KIP-360).
    package var producerId: Int64 = -1
    package var producerEpoch: Int16 = -1
    package var enable2Pc: Bool = false
    package var keepPreparedTxn: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&transactionalId)
        try c.int32(&transactionTimeoutMs)
        if c.version >= 3 {
            try c.int64(&producerId)
            try c.int16(&producerEpoch)
        }
        if c.version >= 6 {
            try c.bool(&enable2Pc)
            try c.bool(&keepPreparedTxn)
        }
        try c.tags()
    }
}
