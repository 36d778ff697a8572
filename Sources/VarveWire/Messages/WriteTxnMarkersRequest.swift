/// Writes the markers that end transactions: from coordinators, and from the admin tools that
/// abort a transaction which hangs.
package struct WriteTxnMarkersRequest: WireRequest {
    package typealias Response = WriteTxnMarkersResponse
    package static let api = ApiKey.writeTxnMarkers

    package var markers: [Marker] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&markers)
        try c.tags()
    }

    /// One producer's marker, for any number of partitions.
    package struct Marker: WireValue {
        package var producerId: Int64 = 0
        package var producerEpoch: Int16 = 0
        /// True commits.
        package var transactionResult: Bool = false
        package var topics: [Topic] = []
        /// Older coordinators are refused.
        package var coordinatorEpoch: Int32 = 0
        /// 2 where each transaction has its own producer epoch (KIP-1228).
        package var transactionVersion: Int8 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int64(&producerId)
            try c.int16(&producerEpoch)
            try c.bool(&transactionResult)
            try c.array(&topics)
            try c.int32(&coordinatorEpoch)
            if c.version >= 2 { try c.int8(&transactionVersion) }
            try c.tags()
        }
    }

    /// Partitions of one topic.
    package struct Topic: WireValue {
        package var name: String = ""
        package var partitionIndexes: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.array(&partitionIndexes)
            try c.tags()
        }
    }
}
