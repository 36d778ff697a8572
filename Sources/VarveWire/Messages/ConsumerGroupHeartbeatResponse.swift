/// The epoch a member is in, and what it is to own where that is news.
package struct ConsumerGroupHeartbeatResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var errorMessage: String?
    package var memberId: String?
    package var memberEpoch: Int32 = 0
    /// How often the member is to beat.
    package var heartbeatIntervalMs: Int32 = 0
    /// Nil where it is as it was.
    package var assignment: Assignment?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.errorCode(&errorCode)
        try c.string(&errorMessage)
        try c.string(&memberId)
        try c.int32(&memberEpoch)
        try c.int32(&heartbeatIntervalMs)
        try c.optional(&assignment)
        try c.tags()
    }

    /// The partitions that the member may use at once.
    package struct Assignment: WireValue {
        package var topicPartitions: [ConsumerTopicPartitions] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.array(&topicPartitions)
            try c.tags()
        }
    }
}
