package import VarvePlatform

/// A consumer group in `__consumer_offsets`: the value of key 3.
///
///     epoch  int32   0+
///
/// Source: ConsumerGroupMetadataValue in Kafka's group coordinator; so are the others here.
package struct ConsumerGroupMetadataValue: VersionedRecord {
    package static let versions: ClosedRange<Int16> = 0...0
    package static let versionWritten: Int16 = 0
    package static let flexibleSince: Int16? = 0

    /// Grows by one with whatever asks for a new assignment.
    package var epoch: Int32 = 0

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&epoch)
        try c.tags()
    }
}

/// The topics that a group reads, as they were at its epoch: the value of key 4.
///
///     topics  [id uuid, name string, numPartitions int32, [partition int32, racks [string]]]  0+
package struct ConsumerGroupPartitionMetadataValue: VersionedRecord {
    package static let versions: ClosedRange<Int16> = 0...0
    package static let versionWritten: Int16 = 0
    package static let flexibleSince: Int16? = 0

    package var topics: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&topics)
        try c.tags()
    }

    /// One topic.
    package struct Topic: WireValue {
        package var topicId: UniqueID = .zero
        package var topicName: String = ""
        package var numPartitions: Int32 = 0
        /// Unused since Kafka 4.0, and empty where racks are unknown.
        package var partitionMetadata: [PartitionRacks] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.uuid(&topicId)
            try c.string(&topicName)
            try c.int32(&numPartitions)
            try c.array(&partitionMetadata)
            try c.tags()
        }
    }

    /// Where the copies of a partition are.
    package struct PartitionRacks: WireValue {
        package var partition: Int32 = 0
        package var racks: [String] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partition)
            try c.array(&racks)
            try c.tags()
        }
    }
}

/// A member and what it asked for: the value of key 5.
///
///     instanceId            nullable string   0+
///     rackId                nullable string   0+
///     clientId              string            0+
///     clientHost            string            0+
///     subscribedTopicNames  [string]          0+
///     subscribedTopicRegex  nullable string   0+
///     rebalanceTimeoutMs    int32             0+
///     serverAssignor        nullable string   0+
///     classic (tag 0)       nullable struct   0+   of members of the classic protocol
///       sessionTimeoutMs    int32
///       supportedProtocols  [name string, metadata bytes]
package struct ConsumerGroupMemberMetadataValue: VersionedRecord {
    package static let versions: ClosedRange<Int16> = 0...0
    package static let versionWritten: Int16 = 0
    package static let flexibleSince: Int16? = 0

    package var instanceId: String?
    package var rackId: String?
    package var clientId: String = ""
    package var clientHost: String = ""
    package var subscribedTopicNames: [String] = []
    package var subscribedTopicRegex: String?
    /// Milliseconds.
    package var rebalanceTimeoutMs: Int32 = -1
    package var serverAssignor: String?
    /// What a member of the classic protocol joined with; nil for one of the consumer protocol.
    package var classicMemberMetadata: ClassicMetadata?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&instanceId)
        try c.string(&rackId)
        try c.string(&clientId)
        try c.string(&clientHost)
        try c.array(&subscribedTopicNames)
        try c.string(&subscribedTopicRegex)
        try c.int32(&rebalanceTimeoutMs)
        try c.string(&serverAssignor)
        try c.beginTags()
        try c.tag(0, isDefault: classicMemberMetadata == nil) { c throws(WireError) in
            try c.optional(&classicMemberMetadata)
        }
        try c.endTags()
    }

    /// What a member of the classic protocol said in its JoinGroup request.
    package struct ClassicMetadata: WireValue {
        /// Milliseconds.
        package var sessionTimeoutMs: Int32 = 0
        /// In the member's order of preference.
        package var supportedProtocols: [JoinGroupRequest.GroupProtocol] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&sessionTimeoutMs)
            try c.array(&supportedProtocols)
            try c.tags()
        }
    }
}

/// The target assignment as a whole: the value of key 6.
///
///     assignmentEpoch  int32   0+
package struct ConsumerGroupTargetMetadataValue: VersionedRecord {
    package static let versions: ClosedRange<Int16> = 0...0
    package static let versionWritten: Int16 = 0
    package static let flexibleSince: Int16? = 0

    /// The group epoch that it was made for.
    package var assignmentEpoch: Int32 = 0

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&assignmentEpoch)
        try c.tags()
    }
}

/// A member's part of the target assignment: the value of key 7.
///
///     topicPartitions  [id uuid, [int32]]   0+
package struct ConsumerGroupTargetMemberValue: VersionedRecord {
    package static let versions: ClosedRange<Int16> = 0...0
    package static let versionWritten: Int16 = 0
    package static let flexibleSince: Int16? = 0

    package var topicPartitions: [ConsumerTopicPartitions] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&topicPartitions)
        try c.tags()
    }
}

/// What a member has now: the value of key 8.
///
///     memberEpoch                  int32                0+
///     previousMemberEpoch          int32                0+
///     state                        int8                 0+   0 stable, 1 to give up partitions,
///                                                            2 waits for partitions of others
///     assignedPartitions           [id uuid, [int32]]   0+
///     partitionsPendingRevocation  [id uuid, [int32]]   0+
package struct ConsumerGroupCurrentMemberValue: VersionedRecord {
    package static let versions: ClosedRange<Int16> = 0...0
    package static let versionWritten: Int16 = 0
    package static let flexibleSince: Int16? = 0

    package var memberEpoch: Int32 = 0
    package var previousMemberEpoch: Int32 = 0
    package var state: Int8 = 0
    package var assignedPartitions: [ConsumerTopicPartitions] = []
    package var partitionsPendingRevocation: [ConsumerTopicPartitions] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&memberEpoch)
        try c.int32(&previousMemberEpoch)
        try c.int8(&state)
        try c.array(&assignedPartitions)
        try c.array(&partitionsPendingRevocation)
        try c.tags()
    }
}
