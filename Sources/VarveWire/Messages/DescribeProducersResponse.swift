/// The producers that partitions remember.
package struct DescribeProducersResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var topics: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.array(&topics)
        try c.tags()
    }

    /// One topic's partitions.
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

    /// One partition's producers.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0
        package var errorCode = ErrorCode.none
        package var errorMessage: String?
        package var activeProducers: [Producer] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.array(&activeProducers)
            try c.tags()
        }
    }

    /// A producer that appended, or whose transaction is open.
    package struct Producer: WireValue {
        package var producerId: Int64 = 0
        package var producerEpoch: Int32 = 0
        /// -1 where its epoch has no batch.
        package var lastSequence: Int32 = -1
        /// Milliseconds since 1970, -1 where it is unknown.
        package var lastTimestamp: Int64 = -1
        /// Of the last marker, -1 without one.
        package var coordinatorEpoch: Int32 = 0
        /// -1 outside a transaction.
        package var currentTxnStartOffset: Int64 = -1

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int64(&producerId)
            try c.int32(&producerEpoch)
            try c.int32(&lastSequence)
            try c.int64(&lastTimestamp)
            try c.int32(&coordinatorEpoch)
            try c.int64(&currentTxnStartOffset)
            try c.tags()
        }
    }
}
