package import VarvePlatform

/// The offset given to each batch, or why it was refused.
package struct ProduceResponse: WireResponse {
    package var responses: [Topic] = []
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var nodeEndpoints: [NodeEndpoint] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&responses)
        try c.int32(&throttleTimeMs)
        try c.beginTags()
        try c.tag(0, since: 10, isDefault: nodeEndpoints.isEmpty) { c throws(WireError) in
            try c.array(&nodeEndpoints)
        }
        try c.endTags()
    }

    /// The outcomes for one topic.
    package struct Topic: WireValue {
        package var name: String = ""
        package var topicId: UniqueID = .zero
        package var partitionResponses: [Partition] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            if c.version <= 12 { try c.string(&name) }
            if c.version >= 13 { try c.uuid(&topicId) }
            try c.array(&partitionResponses)
            try c.tags()
        }
    }

    /// The outcome for one partition.
    package struct Partition: WireValue {
        package var index: Int32 = 0
        package var errorCode = ErrorCode.none
        /// The offset of the batch's first record, -1 with an error.
        package var baseOffset: Int64 = 0
        /// -1 unless the topic's timestamps are append times.
        package var logAppendTimeMs: Int64 = -1
        package var logStartOffset: Int64 = -1
        package var recordErrors: [RecordError] = []
        package var errorMessage: String?
        package var currentLeader = LeaderIdAndEpoch()

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&index)
            try c.errorCode(&errorCode)
            try c.int64(&baseOffset)
            try c.int64(&logAppendTimeMs)
            if c.version >= 5 { try c.int64(&logStartOffset) }
            if c.version >= 8 {
                try c.array(&recordErrors)
                try c.string(&errorMessage)
            }
            try c.beginTags()
            try c.tag(0, since: 10, isDefault: currentLeader == LeaderIdAndEpoch()) {
                c throws(WireError) in
                try currentLeader.code(&c)
            }
            try c.endTags()
        }
    }

    /// A record that made the broker refuse the whole batch (KIP-467).
    package struct RecordError: WireValue {
        package var batchIndex: Int32 = 0
        package var batchIndexErrorMessage: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&batchIndex)
            try c.string(&batchIndexErrorMessage)
            try c.tags()
        }
    }
}
