/// Deletes a group's stored offsets.
package struct OffsetDeleteRequest: WireRequest {
    package typealias Response = OffsetDeleteResponse
    package static let api = ApiKey.offsetDelete

    package var groupId: String = ""
    package var topics: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&groupId)
        try c.array(&topics)
    }

    /// A topic whose offsets go.
    package struct Topic: WireValue {
        package var name: String = ""
        package var partitions: [Partition] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.array(&partitions)
        }
    }

    /// A partition whose offset goes.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
        }
    }
}
