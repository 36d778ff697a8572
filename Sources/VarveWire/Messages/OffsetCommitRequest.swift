package import VarvePlatform

/// Stores how far a group has come.
package struct OffsetCommitRequest: WireRequest {
    package typealias Response = OffsetCommitResponse
    package static let api = ApiKey.offsetCommit

    package var groupId: String = ""
    /// -1 from a client that is no member.
    package var generationIdOrMemberEpoch: Int32 = -1
    package var memberId: String = ""
    package var groupInstanceId: String?
    /// -1 for the broker's setting.
    package var retentionTimeMs: Int64 = -1
    package var topics: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&groupId)
        if c.version >= 1 {
            try c.int32(&generationIdOrMemberEpoch)
            try c.string(&memberId)
        }
        if c.version >= 7 { try c.string(&groupInstanceId) }
        if c.version >= 2 && c.version <= 4 { try c.int64(&retentionTimeMs) }
        try c.array(&topics)
        try c.tags()
    }

    /// Offsets in one topic.
    package struct Topic: WireValue {
        package var name: String = ""
        package var topicId: UniqueID = .zero
        package var partitions: [Partition] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            if c.version <= 9 { try c.string(&name) }
            if c.version >= 10 { try c.uuid(&topicId) }
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
        /// -1 for now.
        package var commitTimestamp: Int64 = -1
        /// Free text of the client.
        package var committedMetadata: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.int64(&committedOffset)
            if c.version >= 6 { try c.int32(&committedLeaderEpoch) }
            if c.version == 1 { try c.int64(&commitTimestamp) }
            try c.string(&committedMetadata)
            try c.tags()
        }
    }
}
