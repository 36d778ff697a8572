/// Sets and removes quotas of clients (KIP-546).
package struct AlterClientQuotasRequest: WireRequest {
    package typealias Response = AlterClientQuotasResponse
    package static let api = ApiKey.alterClientQuotas

    package var entries: [Entry] = []
    /// Check, and change nothing.
    package var validateOnly: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&entries)
        try c.bool(&validateOnly)
        try c.tags()
    }

    /// An entity and what to do with its quotas.
    package struct Entry: WireValue {
        package var entity: [Entity] = []
        package var ops: [Operation] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.array(&entity)
            try c.array(&ops)
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

    /// One quota, to be set or removed.
    package struct Operation: WireValue {
        package var key: String = ""
        package var value: Double = 0
        /// Otherwise it is set to `value`.
        package var remove: Bool = false

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&key)
            try c.float64(&value)
            try c.bool(&remove)
            try c.tags()
        }
    }
}
