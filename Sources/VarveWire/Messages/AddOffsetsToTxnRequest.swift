/// Adds a group's offsets to a transaction.
package struct AddOffsetsToTxnRequest: WireRequest {
    package typealias Response = AddOffsetsToTxnResponse
    package static let api = ApiKey.addOffsetsToTxn

    package var transactionalId: String = ""
    package var producerId: Int64 = 0
    package var producerEpoch: Int16 = 0
    package var groupId: String = ""

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&transactionalId)
        try c.int64(&producerId)
        try c.int16(&producerEpoch)
        try c.string(&groupId)
        try c.tags()
    }
}
