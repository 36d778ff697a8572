/// Which partitions are moved.
package struct AlterReplicaLogDirsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var results: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.array(&results)
        try c.tags()
    }

    /// The outcomes for one topic.
    package struct Topic: WireValue {
        package var topicName: String = ""
        package var partitions: [Partition] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&topicName)
            try c.array(&partitions)
            try c.tags()
        }
    }

    /// The outcome for one partition.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0
        package var errorCode = ErrorCode.none

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
            try c.tags()
        }
    }
}
