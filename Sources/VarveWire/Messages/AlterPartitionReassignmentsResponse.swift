/// Which moves were begun or ended.
package struct AlterPartitionReassignmentsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    /// As it was asked for.
    package var allowReplicationFactorChange: Bool = true
    package var errorCode = ErrorCode.none
    package var errorMessage: String?
    package var responses: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        if c.version >= 1 { try c.bool(&allowReplicationFactorChange) }
        try c.errorCode(&errorCode)
        try c.string(&errorMessage)
        try c.array(&responses)
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

    /// The outcome for one partition.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0
        package var errorCode = ErrorCode.none
        package var errorMessage: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.tags()
        }
    }
}
