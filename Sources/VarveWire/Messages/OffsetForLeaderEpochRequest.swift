/// Asks where leader epochs ended, to find where a log was cut (KIP-320).
package struct OffsetForLeaderEpochRequest: WireRequest {
    package typealias Response = OffsetForLeaderEpochResponse
    package static let api = ApiKey.offsetForLeaderEpoch

    /// -1 from a consumer.
    package var replicaId: Int32 = -2
    package var topics: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 3 { try c.int32(&replicaId) }
        try c.array(&topics)
        try c.tags()
    }

    /// A topic asked about.
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

    /// A partition and the epoch asked about.
    package struct Partition: WireValue {
        package var partition: Int32 = 0
        package var currentLeaderEpoch: Int32 = -1
        package var leaderEpoch: Int32 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partition)
            try c.int32(&currentLeaderEpoch)
            try c.int32(&leaderEpoch)
            try c.tags()
        }
    }
}
