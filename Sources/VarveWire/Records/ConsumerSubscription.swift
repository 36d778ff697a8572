package import VarvePlatform

/// What a consumer tells its group when it joins: the `metadata` of a `JoinGroupRequest`
/// protocol.
///
///     field            type                         versions
///     topics           [string]                     0+
///     userData         nullable bytes               0+   the assignor's own
///     ownedPartitions  [topic string, [int32]]      1+   KIP-429
///     generationId     int32                        2+   KIP-792
///     rackId           nullable string              3+   KIP-881
///
/// Source: ConsumerProtocolSubscription in Kafka's clients. Some clients wrote version 1 without
/// the owned partitions, so a value that ends after the fields of version 0 is read as that.
package struct ConsumerSubscription: VersionedRecord {
    package static let versions: ClosedRange<Int16> = 0...3
    package static let versionWritten: Int16 = 3
    package static let newerVersionsExtend = true

    package var topics: [String] = []
    package var userData: ByteSlice?
    package var ownedPartitions: [TopicPartitions] = []
    /// The generation that `ownedPartitions` are from, -1 where it is unknown.
    package var generationId: Int32 = -1
    package var rackId: String?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&topics)
        try c.bytes(&userData)
        if c.isAtEnd { return }
        if c.version >= 1 { try c.array(&ownedPartitions) }
        if c.version >= 2 { try c.int32(&generationId) }
        if c.version >= 3 { try c.string(&rackId) }
    }

    /// Partitions of one topic.
    package struct TopicPartitions: WireValue {
        package var topic: String = ""
        package var partitions: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&topic)
            try c.array(&partitions)
        }
    }
}
