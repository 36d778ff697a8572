/// What the broker's settings say about groups and their offsets. Times in milliseconds.
package struct GroupSettings: Sendable {
    package var limits = GroupLimits()
    /// Of groups of the consumer protocol.
    package var consumers = ConsumerLimits()
    /// `group.consumer.migration.policy`.
    package var migration = GroupMigrationPolicy.bidirectional
    /// `group.min.session.timeout.ms` and `group.max.session.timeout.ms`.
    package var sessionTimeouts: ClosedRange<Int64> = 6_000...1_800_000
    /// `offsets.retention.minutes`.
    package var offsetsRetention: Int64 = 7 * 24 * 3_600_000
    /// `offsets.retention.check.interval.ms`.
    package var offsetsCheckInterval: Int64 = 600_000
    /// `offsets.topic.num.partitions`; counts only when the topic is made.
    package var offsetsPartitions = 50
    /// `offsets.topic.segment.bytes`.
    package var offsetsSegmentBytes = 16 << 20
    /// Longest metadata of a committed offset, in bytes. Source: Kafka's
    /// `offset.metadata.max.bytes`.
    package var offsetMetadataBytesMax = 4096
    /// All protocols' metadata of one member together (I8).
    package var memberMetadataBytesMax = 1 << 20
    /// Groups at one time (I8).
    package var groupsMax = 100_000

    package init() {}

    package init(_ settings: BrokerSettings) {
        limits.initialRebalanceDelay = settings.integer("group.initial.rebalance.delay.ms")
        limits.membersMax = settings.int("group.max.size")
        let least = settings.integer("group.min.session.timeout.ms")
        sessionTimeouts = least...max(least, settings.integer("group.max.session.timeout.ms"))
        consumers.sessionTimeout = settings.integer("group.consumer.session.timeout.ms")
        consumers.heartbeatInterval = settings.integer("group.consumer.heartbeat.interval.ms")
        consumers.membersMax = settings.int("group.consumer.max.size")
        consumers.assignors = settings.words("group.consumer.assignors").compactMap {
            Assignor(rawValue: $0)
        }
        let policy = settings.value(of: "group.consumer.migration.policy").lowercased()
        migration = GroupMigrationPolicy(rawValue: policy) ?? migration
        offsetMetadataBytesMax = settings.int("offset.metadata.max.bytes")
        offsetsRetention = settings.integer("offsets.retention.minutes") * 60_000
        offsetsCheckInterval = settings.integer("offsets.retention.check.interval.ms")
        offsetsPartitions = settings.int("offsets.topic.num.partitions")
        offsetsSegmentBytes = settings.int("offsets.topic.segment.bytes")
    }
}
