package import VarvePlatform

/// How far groups have come: one group up to version 7, `groups` from 8 on.
package struct OffsetFetchResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var topics: [Topic] = []
    package var errorCode = ErrorCode.none
    package var groups: [Group] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 3 { try c.int32(&throttleTimeMs) }
        if c.version <= 7 { try c.array(&topics) }
        if c.version >= 2 && c.version <= 7 { try c.errorCode(&errorCode) }
        if c.version >= 8 { try c.array(&groups) }
        try c.tags()
    }

    /// The offsets in one topic.
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

    /// The offsets of one group.
    package struct Group: WireValue {
        package var groupId: String = ""
        package var topics: [Topic] = []
        package var errorCode = ErrorCode.none

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            if c.version >= 8 {
                try c.string(&groupId)
                try c.array(&topics)
                try c.errorCode(&errorCode)
            }
            try c.tags()
        }
    }

    /// The offset in one partition: the next one to read.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0
        /// -1 where the group has stored none.
        package var committedOffset: Int64 = 0
        package var committedLeaderEpoch: Int32 = -1
        package var metadata: String?
        package var errorCode = ErrorCode.none

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.int64(&committedOffset)
            if c.version >= 5 { try c.int32(&committedLeaderEpoch) }
            try c.string(&metadata)
            try c.errorCode(&errorCode)
            try c.tags()
        }
    }
}
