/// The directories that partitions lie in.
package struct DescribeLogDirsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var results: [Result] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        if c.version >= 3 { try c.errorCode(&errorCode) }
        try c.array(&results)
        try c.tags()
    }

    /// One directory.
    package struct Result: WireValue {
        package var errorCode = ErrorCode.none
        package var logDir: String = ""
        package var topics: [Topic] = []
        /// Size of its file system (KIP-827); -1 where it is unknown.
        package var totalBytes: Int64 = -1
        /// Free bytes of its file system; -1 where they are unknown.
        package var usableBytes: Int64 = -1
        /// It takes no new partitions (KIP-1066).
        package var isCordoned: Bool = false

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            try c.string(&logDir)
            try c.array(&topics)
            if c.version >= 4 {
                try c.int64(&totalBytes)
                try c.int64(&usableBytes)
            }
            if c.version >= 5 { try c.bool(&isCordoned) }
            try c.tags()
        }
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

    /// A partition and its size.
    package struct Partition: WireValue {
        package var partitionIndex: Int32 = 0
        /// Bytes of its segments.
        package var partitionSize: Int64 = 0
        /// How far it is behind its leader or, as a future copy, behind the present one.
        package var offsetLag: Int64 = 0
        /// It is a copy in the making that replaces the present one.
        package var isFutureKey: Bool = false

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&partitionIndex)
            try c.int64(&partitionSize)
            try c.int64(&offsetLag)
            try c.bool(&isFutureKey)
            try c.tags()
        }
    }
}
