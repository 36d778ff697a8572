/// Asks where partitions lie on the disk, and how large they are (KIP-113).
package struct DescribeLogDirsRequest: WireRequest {
    package typealias Response = DescribeLogDirsResponse
    package static let api = ApiKey.describeLogDirs

    /// Nil for all of them.
    package var topics: [Topic]?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&topics)
        try c.tags()
    }

    /// Partitions of one topic.
    package struct Topic: WireValue {
        package var topic: String = ""
        package var partitions: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&topic)
            try c.array(&partitions)
            try c.tags()
        }
    }
}
