/// The offsets found.
package struct ListOffsetsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var topics: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 2 { try c.int32(&throttleTimeMs) }
        try c.array(&topics)
        try c.tags()
    }

    /// The answers for one topic.
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

    /// The answer for one partition.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0
        package var errorCode = ErrorCode.none
        /// The answer of version 0, in place of the fields below: offsets before the time asked
        /// for, the latest first.
        package var oldStyleOffsets: [Int64] = []
        /// Of the record found; -1 where none was, or none was needed.
        package var timestamp: Int64 = -1
        /// -1 where no record is that late.
        package var offset: Int64 = -1
        package var leaderEpoch: Int32 = -1

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
            if c.version == 0 {
                try c.array(&oldStyleOffsets)
            } else {
                try c.int64(&timestamp)
                try c.int64(&offset)
            }
            if c.version >= 4 { try c.int32(&leaderEpoch) }
            try c.tags()
        }
    }
}
