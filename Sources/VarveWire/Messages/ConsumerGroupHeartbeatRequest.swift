package import VarvePlatform

/// A member of a consumer group (KIP-848) joins, lives, tells what it owns, or leaves.
///
/// Fields that did not change since the last heartbeat are nil, or -1 for the timeout. Source:
/// Kafka's ConsumerGroupHeartbeatRequest; version 1 adds the regular expression and has clients
/// make their own member ids (KIP-1082).
package struct ConsumerGroupHeartbeatRequest: WireRequest {
    package typealias Response = ConsumerGroupHeartbeatResponse
    package static let api = ApiKey.consumerGroupHeartbeat

    package var groupId: String = ""
    package var memberId: String = ""
    /// 0 joins, -1 leaves, -2 says that a static member will be back.
    package var memberEpoch: Int32 = 0
    package var instanceId: String?
    package var rackId: String?
    /// How long the member may take to give partitions up, in milliseconds.
    package var rebalanceTimeoutMs: Int32 = -1
    package var subscribedTopicNames: [String]?
    package var subscribedTopicRegex: String?
    package var serverAssignor: String?
    /// What the member owns.
    package var topicPartitions: [ConsumerTopicPartitions]?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&groupId)
        try c.string(&memberId)
        try c.int32(&memberEpoch)
        try c.string(&instanceId)
        try c.string(&rackId)
        try c.int32(&rebalanceTimeoutMs)
        try c.array(&subscribedTopicNames)
        if c.version >= 1 { try c.string(&subscribedTopicRegex) }
        try c.string(&serverAssignor)
        try c.array(&topicPartitions)
        try c.tags()
    }
}

/// Partitions of one topic, by the topic's id.
package struct ConsumerTopicPartitions: WireValue {
    package static var wireByteCountMin: Int { 16 }

    package var topicId: UniqueID = .zero
    package var partitions: [Int32] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.uuid(&topicId)
        try c.array(&partitions)
        try c.tags()
    }
}
