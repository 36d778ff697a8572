/// Where leader epochs ended.
package struct OffsetForLeaderEpochResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var topics: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.array(&topics)
        try c.tags()
    }

    /// The answers for one topic.
    package struct Topic: WireValue {
        package var topic: String = ""
        package var partitions: [Partition] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&topic)
            try c.array(&partitions)
            try c.tags()
        }
    }

    /// The answer for one partition.
    package struct Partition: WireValue {
        package var errorCode = ErrorCode.none
        package var partition: Int32 = 0
        package var leaderEpoch: Int32 = -1
        /// The offset after the epoch's last record, -1 where it is unknown.
        package var endOffset: Int64 = -1

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            try c.int32(&partition)
            try c.int32(&leaderEpoch)
            try c.int64(&endOffset)
            try c.tags()
        }
    }
}
