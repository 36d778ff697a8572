package import VarvePlatform

/// Asks for record batches from given offsets on, waiting for some to arrive.
package struct FetchRequest: WireRequest {
    package typealias Response = FetchResponse
    package static let api = ApiKey.fetch

    package var clusterId: String?
    /// -1 from a consumer.
    package var replicaId: Int32 = -1
    package var replicaState = ReplicaState()
    /// How long the broker may wait for `minBytes`, in milliseconds.
    package var maxWaitMs: Int32 = 0
    package var minBytes: Int32 = 0
    /// A bound for the response that the first batch may exceed.
    package var maxBytes: Int32 = .max
    /// 0 reads everything below the high watermark, 1 nothing above the last stable offset.
    package var isolationLevel: Int8 = 0
    package var sessionId: Int32 = 0
    /// -1: no session; 0: a new one is asked for (KIP-227).
    package var sessionEpoch: Int32 = -1
    package var topics: [Topic] = []
    package var forgottenTopicsData: [ForgottenTopic] = []
    package var rackId: String = ""

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version <= 14 { try c.int32(&replicaId) }
        try c.int32(&maxWaitMs)
        try c.int32(&minBytes)
        try c.int32(&maxBytes)
        try c.int8(&isolationLevel)
        if c.version >= 7 {
            try c.int32(&sessionId)
            try c.int32(&sessionEpoch)
        }
        try c.array(&topics)
        if c.version >= 7 { try c.array(&forgottenTopicsData) }
        if c.version >= 11 { try c.string(&rackId) }
        try c.beginTags()
        try c.tag(0, isDefault: clusterId == nil) { c throws(WireError) in
            try c.string(&clusterId)
        }
        try c.tag(1, since: 15, isDefault: replicaState == ReplicaState()) { c throws(WireError) in
            try replicaState.code(&c)
        }
        try c.endTags()
    }

    /// Who fetches, where it is a broker.
    package struct ReplicaState: WireValue {
        /// -1 from a consumer.
        package var replicaId: Int32 = -1
        package var replicaEpoch: Int64 = -1

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&replicaId)
            try c.int64(&replicaEpoch)
            try c.tags()
        }
    }

    /// A topic to fetch from.
    package struct Topic: WireValue {
        package var topic: String = ""
        /// Instead of the name from version 13 on (KIP-516).
        package var topicId: UniqueID = .zero
        package var partitions: [Partition] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            if c.version <= 12 { try c.string(&topic) }
            if c.version >= 13 { try c.uuid(&topicId) }
            try c.array(&partitions)
            try c.tags()
        }
    }

    /// Partitions to drop from the fetch session (KIP-227).
    package struct ForgottenTopic: WireValue {
        package var topic: String = ""
        /// Instead of the name from version 13 on (KIP-516).
        package var topicId: UniqueID = .zero
        package var partitions: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            if c.version <= 12 { try c.string(&topic) }
            if c.version >= 13 { try c.uuid(&topicId) }
            try c.array(&partitions)
            try c.tags()
        }
    }

    /// A partition and the offset to fetch from.
    package struct Partition: WireValue {
        package var partition: Int32 = 0
        package var currentLeaderEpoch: Int32 = -1
        package var fetchOffset: Int64 = 0
        package var lastFetchedEpoch: Int32 = -1
        package var logStartOffset: Int64 = -1
        /// A bound for the partition that its first batch may exceed.
        package var partitionMaxBytes: Int32 = 0
        package var replicaDirectoryId: UniqueID = .zero
        package var highWatermark: Int64 = .max

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partition)
            if c.version >= 9 { try c.int32(&currentLeaderEpoch) }
            try c.int64(&fetchOffset)
            if c.version >= 12 { try c.int32(&lastFetchedEpoch) }
            if c.version >= 5 { try c.int64(&logStartOffset) }
            try c.int32(&partitionMaxBytes)
            try c.beginTags()
            try c.tag(0, since: 17, isDefault: replicaDirectoryId == .zero) { c throws(WireError) in
                try c.uuid(&replicaDirectoryId)
            }
            try c.tag(1, since: 18, isDefault: highWatermark == .max) { c throws(WireError) in
                try c.int64(&highWatermark)
            }
            try c.endTags()
        }
    }
}
