/// Whether the transaction is over, and with which id and epoch its producer goes on (KIP-890).
package struct EndTxnResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var producerId: Int64 = -1
    package var producerEpoch: Int16 = -1

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.errorCode(&errorCode)
        if c.version >= 5 {
            try c.int64(&producerId)
            try c.int16(&producerEpoch)
        }
        try c.tags()
    }
}
