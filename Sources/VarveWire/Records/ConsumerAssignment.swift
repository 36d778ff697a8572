package import VarvePlatform

/// What the leader assigns to a consumer: the `assignment` of a `SyncGroupRequest`.
///
///     field               type                     versions
///     assignedPartitions  [topic string, [int32]]  0+
///     userData            nullable bytes           0+   the assignor's own
///
/// Source: ConsumerProtocolAssignment in Kafka's clients; versions 1 to 3 are as 0.
package struct ConsumerAssignment: VersionedRecord {
    package typealias TopicPartitions = ConsumerSubscription.TopicPartitions

    package static let versions: ClosedRange<Int16> = 0...3
    package static let versionWritten: Int16 = 0
    package static let newerVersionsExtend = true

    package var assignedPartitions: [TopicPartitions] = []
    package var userData: ByteSlice?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&assignedPartitions)
        try c.bytes(&userData)
    }
}
