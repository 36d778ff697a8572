/// Asks for partitions to be moved to other directories of their broker (KIP-113).
package struct AlterReplicaLogDirsRequest: WireRequest {
    package typealias Response = AlterReplicaLogDirsResponse
    package static let api = ApiKey.alterReplicaLogDirs

    package var dirs: [Directory] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&dirs)
        try c.tags()
    }

    /// A directory, and what is to lie in it.
    package struct Directory: WireValue {
        /// Absolute.
        package var path: String = ""
        package var topics: [Topic] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&path)
            try c.array(&topics)
            try c.tags()
        }
    }

    /// Partitions of one topic.
    package struct Topic: WireValue {
        package var name: String = ""
        package var partitions: [Int32] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.array(&partitions)
            try c.tags()
        }
    }
}
