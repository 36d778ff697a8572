/// Asks for offsets by time.
package struct ListOffsetsRequest: WireRequest {
    package typealias Response = ListOffsetsResponse
    package static let api = ApiKey.listOffsets

    /// -1 from a consumer.
    package var replicaId: Int32 = 0
    /// With 1, the end is the last stable offset.
    package var isolationLevel: Int8 = 0
    package var topics: [Topic] = []
    package var timeoutMs: Int32 = 0

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&replicaId)
        if c.version >= 2 { try c.int8(&isolationLevel) }
        try c.array(&topics)
        if c.version >= 10 { try c.int32(&timeoutMs) }
        try c.tags()
    }

    /// A topic asked about.
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

    /// A partition and the time asked for.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0
        package var currentLeaderEpoch: Int32 = -1
        /// Milliseconds since 1970, or: -1 the end, -2 the start, -3 the record with the largest
        /// timestamp (version 7), -4 the earliest local (8), -5 the latest tiered (9), -6 the
        /// earliest to be tiered (11).
        package var timestamp: Int64 = 0
        /// The most offsets to answer, in version 0 only.
        package var maxNumOffsets: Int32 = 1

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            if c.version >= 4 { try c.int32(&currentLeaderEpoch) }
            try c.int64(&timestamp)
            if c.version == 0 { try c.int32(&maxNumOffsets) }
            try c.tags()
        }
    }
}
