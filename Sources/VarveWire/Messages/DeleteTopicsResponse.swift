package import VarvePlatform

/// Which topics were deleted.
package struct DeleteTopicsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var responses: [Topic] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.array(&responses)
        try c.tags()
    }

    /// The outcome for one topic.
    package struct Topic: WireValue {
        package var name: String?
        package var topicId: UniqueID = .zero
        package var errorCode = ErrorCode.none
        package var errorMessage: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name, orEmptyBefore: 6)
            if c.version >= 6 { try c.uuid(&topicId) }
            try c.errorCode(&errorCode)
            if c.version >= 5 { try c.string(&errorMessage) }
            try c.tags()
        }
    }
}
