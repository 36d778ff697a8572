package import VarvePlatform

/// Asks how far groups have come: one group up to version 7, `groups` from 8 on.
package struct OffsetFetchRequest: WireRequest {
    package typealias Response = OffsetFetchResponse
    package static let api = ApiKey.offsetFetch

    package var groupId: String = ""
    /// Nil asks for all that the group has stored, from version 2 on.
    package var topics: [Topic]?
    package var groups: [Group] = []
    /// Wait out offsets of open transactions with UNSTABLE_OFFSET_COMMIT (KIP-447).
    package var requireStable: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version <= 7 {
            try c.string(&groupId)
            try c.array(&topics, orEmptyBefore: 2)
        }
        if c.version >= 8 { try c.array(&groups) }
        if c.version >= 7 { try c.bool(&requireStable) }
        try c.tags()
    }

    /// A topic asked about.
    package struct Topic: WireValue {
        package var name: String = ""
        package var topicId: UniqueID = .zero
        package var partitionIndexes: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            if c.version <= 9 { try c.string(&name) }
            if c.version >= 10 { try c.uuid(&topicId) }
            try c.array(&partitionIndexes)
            try c.tags()
        }
    }

    /// A group asked about.
    package struct Group: WireValue {
        package var groupId: String = ""
        package var memberId: String?
        package var memberEpoch: Int32 = -1
        /// Nil asks for all that the group has stored, from version 2 on.
        package var topics: [Topic]?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            if c.version >= 8 { try c.string(&groupId) }
            if c.version >= 9 {
                try c.string(&memberId)
                try c.int32(&memberEpoch)
            }
            if c.version >= 8 { try c.array(&topics) }
            try c.tags()
        }
    }
}
