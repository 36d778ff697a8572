/// Which quotas were altered.
package struct AlterClientQuotasResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var entries: [Entry] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.array(&entries)
        try c.tags()
    }

    /// The outcome for one entity.
    package struct Entry: WireValue {
        package var errorCode = ErrorCode.none
        package var errorMessage: String?
        package var entity: [Entity] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.array(&entity)
            try c.tags()
        }
    }

    /// A part of what the quotas are for: a user, or a client id.
    package struct Entity: WireValue {
        package var entityType: String = ""
        /// Nil for the default of its type.
        package var entityName: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&entityType)
            try c.string(&entityName)
            try c.tags()
        }
    }
}
