package import VarvePlatform

/// Deletes topics: by `topicNames` up to version 5, by `topics` from 6 on.
package struct DeleteTopicsRequest: WireRequest {
    package typealias Response = DeleteTopicsResponse
    package static let api = ApiKey.deleteTopics

    package var topics: [Topic] = []
    package var topicNames: [String] = []
    package var timeoutMs: Int32 = 0

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 6 { try c.array(&topics) }
        if c.version <= 5 { try c.array(&topicNames) }
        try c.int32(&timeoutMs)
        try c.tags()
    }

    /// A topic, by name or, where that is nil, by id.
    package struct Topic: WireValue {
        package var name: String?
        package var topicId: UniqueID = .zero

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.uuid(&topicId)
            try c.tags()
        }
    }
}
