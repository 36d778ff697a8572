package import VarvePlatform

/// Asks for the brokers, and for topics with their partitions and leaders.
package struct MetadataRequest: WireRequest {
    package typealias Response = MetadataResponse
    package static let api = ApiKey.metadata

    /// Nil asks for all topics, an empty array for none. Version 0 has no way to ask for none.
    package var topics: [Topic]?
    /// Whether a topic that does not exist may be created, where the broker is set to do so.
    package var allowAutoTopicCreation: Bool = true
    package var includeClusterAuthorizedOperations: Bool = false
    package var includeTopicAuthorizedOperations: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&topics, orEmptyBefore: 1)
        if c.version == 0, topics?.isEmpty == true { topics = nil }
        if c.version >= 4 { try c.bool(&allowAutoTopicCreation) }
        if c.version >= 8 && c.version <= 10 { try c.bool(&includeClusterAuthorizedOperations) }
        if c.version >= 8 { try c.bool(&includeTopicAuthorizedOperations) }
        try c.tags()
    }

    /// A topic asked for, by name or, from version 12 on, by id.
    package struct Topic: WireValue {
        /// Looked up where `name` is nil, from version 12 on.
        package var topicId: UniqueID = .zero
        package var name: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            if c.version >= 10 { try c.uuid(&topicId) }
            try c.string(&name, orEmptyBefore: 10)
            try c.tags()
        }
    }
}
