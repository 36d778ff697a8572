/// The producer id and epoch.
package struct InitProducerIdResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var producerId: Int64 = -1
    package var producerEpoch: Int16 = 0
    package var ongoingTxnProducerId: Int64 = -1
    package var ongoingTxnProducerEpoch: Int16 = -1

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.errorCode(&errorCode)
        try c.int64(&producerId)
        try c.int16(&producerEpoch)
        if c.version >= 6 {
            try c.int64(&ongoingTxnProducerId)
            try c.int16(&ongoingTxnProducerEpoch)
        }
        try c.tags()
    }
}
