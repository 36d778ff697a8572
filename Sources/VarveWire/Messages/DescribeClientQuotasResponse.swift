/// Quotas of clients.
package struct DescribeClientQuotasResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var errorMessage: String?
    /// Nil with an error.
    package var entries: [Entry]?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.errorCode(&errorCode)
        try c.string(&errorMessage)
        try c.array(&entries)
        try c.tags()
    }

    /// An entity and its quotas.
    package struct Entry: WireValue {
        package var entity: [Entity] = []
        package var values: [Value] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.array(&entity)
            try c.array(&values)
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

    /// One quota.
    package struct Value: WireValue {
        package var key: String = ""
        package var value: Double = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&key)
            try c.float64(&value)
            try c.tags()
        }
    }
}
