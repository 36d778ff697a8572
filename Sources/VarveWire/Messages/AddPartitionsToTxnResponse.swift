/// Which partitions are in the transactions now.
package struct AddPartitionsToTxnResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    /// From version 4 on.
    package var resultsByTransaction: [Transaction] = []
    package var resultsByTopicV3AndBelow: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        if c.version >= 4 {
            try c.errorCode(&errorCode)
            try c.array(&resultsByTransaction)
        }
        if c.version <= 3 { try c.array(&resultsByTopicV3AndBelow) }
        try c.tags()
    }

    /// The outcomes for one transaction.
    package struct Transaction: WireValue {
        package var transactionalId: String = ""
        package var topicResults: [Topic] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&transactionalId)
            try c.array(&topicResults)
            try c.tags()
        }
    }

    /// The outcomes for one topic.
    package struct Topic: WireValue {
        package var name: String = ""
        package var resultsByPartition: [Partition] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.array(&resultsByPartition)
            try c.tags()
        }
    }

    /// The outcome for one partition.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0
        package var partitionErrorCode = ErrorCode.none

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&partitionErrorCode)
            try c.tags()
        }
    }
}
