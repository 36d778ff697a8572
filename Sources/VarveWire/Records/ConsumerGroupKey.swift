/// The key of a consumer group's records in `__consumer_offsets` (KIP-848). What the record is
/// about is the version of its key:
///
///     version  record                  fields         value
///     3        the group               group          ConsumerGroupMetadataValue
///     4        the topics it reads     group          ConsumerGroupPartitionMetadataValue
///     5        a member                group, member  ConsumerGroupMemberMetadataValue
///     6        the target assignment   group          ConsumerGroupTargetMetadataValue
///     7        a member's part of it   group, member  ConsumerGroupTargetMemberValue
///     8        what a member has now   group, member  ConsumerGroupCurrentMemberValue
///
/// Source: ConsumerGroupMetadataKey to ConsumerGroupCurrentMemberAssignmentKey in Kafka's group
/// coordinator. Kafka 4 resolves regular expressions beside the group and keeps the result under
/// a key 16; here they are resolved when topics change, and nothing of that is stored.
package struct ConsumerGroupKey: VersionedRecord, Hashable {
    package static let versions: ClosedRange<Int16> = 3...8
    package static let versionWritten: Int16 = 3
    private static let versionsOfMembers: Set<Int16> = [5, 7, 8]

    package var group: String = ""
    /// Empty in records that are not a member's.
    package var member: String = ""

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&group)
        if Self.versionsOfMembers.contains(c.version) { try c.string(&member) }
    }
}
