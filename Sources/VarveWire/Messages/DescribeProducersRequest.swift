/// Asks which producers partitions remember.
package struct DescribeProducersRequest: WireRequest {
    package typealias Response = DescribeProducersResponse
    package static let api = ApiKey.describeProducers

    package var topics: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&topics)
        try c.tags()
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
