/// Which partitions changed their leader.
package struct ElectLeadersResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var replicaElectionResults: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        if c.version >= 1 { try c.errorCode(&errorCode) }
        try c.array(&replicaElectionResults)
        try c.tags()
    }

    /// The partitions of one topic.
    package struct Topic: WireValue {
        package var topic: String = ""
        package var partitionResult: [Partition] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&topic)
            try c.array(&partitionResult)
            try c.tags()
        }
    }

    /// The outcome for one partition.
    package struct Partition: WireValue {
        package var partitionId: Int32 = 0
        package var errorCode = ErrorCode.none
        package var errorMessage: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionId)
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.tags()
        }
    }
}
