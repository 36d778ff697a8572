package import VarvePlatform

/// A page of topics and their partitions.
package struct DescribeTopicPartitionsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var topics: [Topic] = []
    /// Where the next page starts; nil at the end.
    package var nextCursor: Cursor?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.array(&topics)
        try c.optional(&nextCursor)
        try c.tags()
    }

    /// A topic and those of its partitions that are on the page.
    package struct Topic: WireValue {
        package var errorCode = ErrorCode.none
        package var name: String?
        package var topicId: UniqueID = .zero
        package var isInternal: Bool = false
        package var partitions: [Partition] = []
        /// A bit per ACL operation; the smallest number where it is not told.
        package var topicAuthorizedOperations: Int32 = .min

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            try c.string(&name)
            try c.uuid(&topicId)
            try c.bool(&isInternal)
            try c.array(&partitions)
            try c.int32(&topicAuthorizedOperations)
            try c.tags()
        }
    }

    /// A place in the list of partitions, which is in order of names.
    package struct Cursor: WireValue {
        package var topicName: String = ""
        package var partitionIndex: Int32 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&topicName)
            try c.int32(&partitionIndex)
            try c.tags()
        }
    }

    /// A partition and who has it.
    package struct Partition: WireValue {
        package var errorCode = ErrorCode.none
        package var partitionIndex: Int32 = 0
        package var leaderId: Int32 = 0
        package var leaderEpoch: Int32 = -1
        package var replicaNodes: [Int32] = []
        package var isrNodes: [Int32] = []
        /// Who may lead though out of sync (KIP-966); nil where that is not kept.
        package var eligibleLeaderReplicas: [Int32]?
        package var lastKnownElr: [Int32]?
        package var offlineReplicas: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            try c.int32(&partitionIndex)
            try c.int32(&leaderId)
            try c.int32(&leaderEpoch)
            try c.array(&replicaNodes)
            try c.array(&isrNodes)
            try c.array(&eligibleLeaderReplicas)
            try c.array(&lastKnownElr)
            try c.array(&offlineReplicas)
            try c.tags()
        }
    }
}
