/// Adds partitions to a transaction: one transaction's up to version 3, which is what clients
/// send; several transactions', or only a look whether they are in, from broker to broker since.
package struct AddPartitionsToTxnRequest: WireRequest {
    package typealias Response = AddPartitionsToTxnResponse
    package static let api = ApiKey.addPartitionsToTxn

    /// From version 4 on.
    package var transactions: [Transaction] = []
    package var v3AndBelowTransactionalId: String = ""
    package var v3AndBelowProducerId: Int64 = 0
    package var v3AndBelowProducerEpoch: Int16 = 0
    package var v3AndBelowTopics: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 4 { try c.array(&transactions) }
        if c.version <= 3 {
            try c.string(&v3AndBelowTransactionalId)
            try c.int64(&v3AndBelowProducerId)
            try c.int16(&v3AndBelowProducerEpoch)
            try c.array(&v3AndBelowTopics)
        }
        try c.tags()
    }

    /// One transaction and its partitions.
    package struct Transaction: WireValue {
        package var transactionalId: String = ""
        package var producerId: Int64 = 0
        package var producerEpoch: Int16 = 0
        /// Ask whether the partitions are in, rather than add them.
        package var verifyOnly: Bool = false
        package var topics: [Topic] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&transactionalId)
            try c.int64(&producerId)
            try c.int16(&producerEpoch)
            try c.bool(&verifyOnly)
            try c.array(&topics)
            try c.tags()
        }
    }

    /// Partitions of one topic.
    package struct Topic: WireValue {
        package var name: String = ""
        package var partitions: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.array(&partitions)
            try c.tags()
        }
    }
}
