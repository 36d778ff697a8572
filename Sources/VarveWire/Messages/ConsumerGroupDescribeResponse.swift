package import VarvePlatform

/// The state and members of consumer groups.
package struct ConsumerGroupDescribeResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var groups: [Group] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.array(&groups)
        try c.tags()
    }

    /// One group.
    package struct Group: WireValue {
        package var errorCode = ErrorCode.none
        package var errorMessage: String?
        package var groupId: String = ""
        /// "Empty", "Assigning", "Reconciling", "Stable" or "Dead".
        package var groupState: String = ""
        package var groupEpoch: Int32 = 0
        /// The group epoch that the target assignment was made for.
        package var assignmentEpoch: Int32 = 0
        package var assignorName: String = ""
        package var members: [Member] = []
        /// A bit per ACL operation; the smallest number where it was not asked for.
        package var authorizedOperations: Int32 = .min

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.string(&groupId)
            try c.string(&groupState)
            try c.int32(&groupEpoch)
            try c.int32(&assignmentEpoch)
            try c.string(&assignorName)
            try c.array(&members)
            try c.int32(&authorizedOperations)
            try c.tags()
        }
    }

    /// One member, with what it has and what it is to have.
    package struct Member: WireValue {
        package var memberId: String = ""
        package var instanceId: String?
        package var rackId: String?
        package var memberEpoch: Int32 = 0
        package var clientId: String = ""
        package var clientHost: String = ""
        package var subscribedTopicNames: [String] = []
        package var subscribedTopicRegex: String?
        package var assignment = Assignment()
        package var targetAssignment = Assignment()
        /// 1 for a member of the consumer protocol, 0 of the classic one, -1 where it is unknown.
        package var memberType: Int8 = -1

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&memberId)
            try c.string(&instanceId)
            try c.string(&rackId)
            try c.int32(&memberEpoch)
            try c.string(&clientId)
            try c.string(&clientHost)
            try c.array(&subscribedTopicNames)
            try c.string(&subscribedTopicRegex)
            try assignment.code(&c)
            try targetAssignment.code(&c)
            if c.version >= 1 { try c.int8(&memberType) }
            try c.tags()
        }
    }

    /// Partitions by topic.
    package struct Assignment: WireValue {
        package var topicPartitions: [TopicPartitions] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.array(&topicPartitions)
            try c.tags()
        }
    }

    /// Partitions of one topic.
    package struct TopicPartitions: WireValue {
        package var topicId: UniqueID = .zero
        package var topicName: String = ""
        package var partitions: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.uuid(&topicId)
            try c.string(&topicName)
            try c.array(&partitions)
            try c.tags()
        }
    }
}
