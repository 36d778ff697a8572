/// Which markers are written.
package struct WriteTxnMarkersResponse: WireResponse {
    package var markers: [Marker] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&markers)
        try c.tags()
    }

    /// The outcomes for one producer.
    package struct Marker: WireValue {
        package var producerId: Int64 = 0
        package var topics: [Topic] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int64(&producerId)
            try c.array(&topics)
            try c.tags()
        }
    }

    /// The outcomes for one topic.
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

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.errorCode(&errorCode)
            try c.tags()
        }
    }
}
