/// Deletes the records before given offsets.
package struct DeleteRecordsRequest: WireRequest {
    package typealias Response = DeleteRecordsResponse
    package static let api = ApiKey.deleteRecords

    package var topics: [Topic] = []
    package var timeoutMs: Int32 = 0

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&topics)
        try c.int32(&timeoutMs)
        try c.tags()
    }

    /// A topic to trim.
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

    /// A partition to trim.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0
        /// The first offset to stay; -1 for the high watermark.
        package var offset: Int64 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.int64(&offset)
            try c.tags()
        }
    }
}
