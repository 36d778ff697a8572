package import VarvePlatform

/// The key of a committed offset in `__consumer_offsets`.
///
///     field      type
///     version    int16    0 or 1, which are alike
///     group      string
///     topic      string
///     partition  int32
///
/// Source: OffsetCommitKey in Kafka's group coordinator.
package struct OffsetKey: VersionedRecord, Hashable {
    package static let versions: ClosedRange<Int16> = 0...1
    package static let versionWritten: Int16 = 1

    package var group: String = ""
    package var topic: String = ""
    package var partition: Int32 = 0

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&group)
        try c.string(&topic)
        try c.int32(&partition)
    }
}

/// The value of a committed offset in `__consumer_offsets`; no value deletes it.
///
///     field            type    versions
///     offset           int64   0+
///     leaderEpoch      int32   3+
///     metadata         string  0+
///     commitTimestamp  int64   0+
///     expireTimestamp  int64   1 only
///     topicId          uuid    4+, tag 0
///
/// Source: OffsetCommitValue in Kafka's group coordinator. Version 3 is written: it is the newest
/// that tools which read the topic themselves (Burrow) and Kafka since 2.1 all take.
package struct OffsetValue: VersionedRecord {
    package static let versions: ClosedRange<Int16> = 0...4
    package static let versionWritten: Int16 = 3
    package static let flexibleSince: Int16? = 4

    /// The next offset that the group is to read.
    package var offset: Int64 = 0
    /// -1 where it is unknown.
    package var leaderEpoch: Int32 = -1
    package var metadata: String = ""
    /// Milliseconds since 1970.
    package var commitTimestamp: Int64 = -1
    /// Milliseconds since 1970, -1 for the broker's setting.
    package var expireTimestamp: Int64 = -1
    package var topicId: UniqueID = .zero

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int64(&offset)
        if c.version >= 3 { try c.int32(&leaderEpoch) }
        try c.string(&metadata)
        try c.int64(&commitTimestamp)
        if c.version == 1 { try c.int64(&expireTimestamp) }
        try c.beginTags()
        try c.tag(0, isDefault: topicId == .zero) { c throws(WireError) in
            try c.uuid(&topicId)
        }
        try c.endTags()
    }
}
