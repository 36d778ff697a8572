package import VarvePlatform

/// The key of a group's metadata in `__consumer_offsets`.
///
///     field    type
///     version  int16    2
///     group    string
///
/// Source: GroupMetadataKey in Kafka's group coordinator.
package struct GroupKey: VersionedRecord, Hashable {
    package static let versions: ClosedRange<Int16> = 2...2
    package static let versionWritten: Int16 = 2

    package var group: String = ""

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&group)
    }
}

/// A group's metadata in `__consumer_offsets`; no value deletes the group.
///
///     field                  type             versions
///     protocolType           string           0+
///     generation             int32            0+
///     protocolName           nullable string  0+
///     leader                 nullable string  0+
///     currentStateTimestamp  int64            2+
///     members                [member]         0+
///
/// Source: GroupMetadataValue in Kafka's group coordinator. Version 3 is written, the newest that
/// tools which read the topic themselves (Burrow) take.
package struct GroupMetadataValue: VersionedRecord {
    package static let versions: ClosedRange<Int16> = 0...4
    package static let versionWritten: Int16 = 3
    package static let flexibleSince: Int16? = 4

    package var protocolType: String = ""
    package var generation: Int32 = 0
    /// The chosen assignor's name.
    package var protocolName: String?
    /// The leader's member id.
    package var leader: String?
    /// Since when the group is in its state, milliseconds since 1970; -1 where it is unknown.
    package var currentStateTimestamp: Int64 = -1
    package var members: [Member] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&protocolType)
        try c.int32(&generation)
        try c.string(&protocolName)
        try c.string(&leader)
        if c.version >= 2 { try c.int64(&currentStateTimestamp) }
        try c.array(&members)
        try c.tags()
    }

    /// A member of the stored generation.
    package struct Member: WireValue {
        package var memberId: String = ""
        package var groupInstanceId: String?
        package var clientId: String = ""
        package var clientHost: String = ""
        /// Milliseconds.
        package var rebalanceTimeout: Int32 = 0
        /// Milliseconds.
        package var sessionTimeout: Int32 = 0
        /// The member's metadata for the chosen assignor; a `ConsumerSubscription` for consumers.
        package var subscription = ByteSlice()
        /// What the member is assigned; a `ConsumerAssignment` for consumers.
        package var assignment = ByteSlice()

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&memberId)
            if c.version >= 3 { try c.string(&groupInstanceId) }
            try c.string(&clientId)
            try c.string(&clientHost)
            if c.version >= 1 { try c.int32(&rebalanceTimeout) }
            try c.int32(&sessionTimeout)
            try c.bytes(&subscription)
            try c.bytes(&assignment)
            try c.tags()
        }
    }
}

/// A record key of `__consumer_offsets`, told apart by its version.
package enum GroupRecordKey: Equatable, Sendable {
    case offset(OffsetKey)
    case group(GroupKey)
    /// A record of a consumer group; the key's version says which.
    case consumerGroup(ConsumerGroupKey, version: Int16)
    /// A key of Kafka's newer group types (9 and up), which Varve does not write.
    case other(version: Int16)

    package static func decode(_ bytes: ByteSlice) throws(WireError) -> GroupRecordKey {
        var decoder = WireDecoder(bytes, version: 0, isFlexible: false)
        var version: Int16 = 0
        try decoder.int16(&version)
        if OffsetKey.versions.contains(version) { return .offset(try OffsetKey.decode(bytes)) }
        if GroupKey.versions.contains(version) { return .group(try GroupKey.decode(bytes)) }
        if ConsumerGroupKey.versions.contains(version) {
            return .consumerGroup(try ConsumerGroupKey.decode(bytes), version: version)
        }
        return .other(version: version)
    }
}
