package import VarvePlatform

/// Record batches to append.
package struct ProduceRequest: WireRequest {
    package typealias Response = ProduceResponse
    package static let api = ApiKey.produce

    package var transactionalId: String?
    /// 0: no response is sent. 1 and -1: the response follows when the batches are durable.
    package var acks: Int16 = 0
    package var timeoutMs: Int32 = 0
    package var topicData: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&transactionalId)
        try c.int16(&acks)
        try c.int32(&timeoutMs)
        try c.array(&topicData)
        try c.tags()
    }

    /// What is to be appended to one topic.
    package struct Topic: WireValue {
        package var name: String = ""
        /// Instead of the name from version 13 on (KIP-516).
        package var topicId: UniqueID = .zero
        package var partitionData: [Partition] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            if c.version <= 12 { try c.string(&name) }
            if c.version >= 13 { try c.uuid(&topicId) }
            try c.array(&partitionData)
            try c.tags()
        }
    }

    /// What is to be appended to one partition.
    package struct Partition: WireValue {
        package var index: Int32 = 0
        /// One record batch, version 2.
        package var records: ByteSlice?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int32(&index)
            try c.records(&records)
            try c.tags()
        }
    }
}
