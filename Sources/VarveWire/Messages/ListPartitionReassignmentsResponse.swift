/// Partitions on the move.
package struct ListPartitionReassignmentsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var errorMessage: String?
    package var topics: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.errorCode(&errorCode)
        try c.string(&errorMessage)
        try c.array(&topics)
        try c.tags()
    }

    /// The partitions of one topic.
    package struct Topic: WireValue {
        package var name: String = ""
        package var partitions: [Partition] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.array(&partitions)
            try c.tags()
        }
    }

    /// A partition and its brokers.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0
        package var replicas: [Int32] = []
        package var addingReplicas: [Int32] = []
        package var removingReplicas: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.array(&replicas)
            try c.array(&addingReplicas)
            try c.array(&removingReplicas)
            try c.tags()
        }
    }
}
