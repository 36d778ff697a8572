/// Stores how far a group has come, as part of a transaction.
package struct TxnOffsetCommitRequest: WireRequest {
    package typealias Response = TxnOffsetCommitResponse
    package static let api = ApiKey.txnOffsetCommit

    package var transactionalId: String = ""
    package var groupId: String = ""
    package var producerId: Int64 = 0
    package var producerEpoch: Int16 = 0
    /// -1 from a client that is no member.
    package var generationId: Int32 = -1
    package var memberId: String = ""
    package var groupInstanceId: String?
    package var topics: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&transactionalId)
        try c.string(&groupId)
        try c.int64(&producerId)
        try c.int16(&producerEpoch)
        if c.version >= 3 {
            try c.int32(&generationId)
            try c.string(&memberId)
            try c.string(&groupInstanceId)
        }
        try c.array(&topics)
        try c.tags()
    }

    /// Offsets in one topic.
    package struct Topic: WireValue {
        package var name: String = ""
        package var partitions: [Partition] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.array(&partitions)
            try c.tags()
        }
    }

    /// The offset in one partition: the next one to read.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0
        package var committedOffset: Int64 = 0
        /// -1 where it is unknown.
        package var committedLeaderEpoch: Int32 = -1
        /// Free text of the client.
        package var committedMetadata: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.int64(&committedOffset)
            if c.version >= 2 { try c.int32(&committedLeaderEpoch) }
            try c.string(&committedMetadata)
            try c.tags()
        }
    }
}
