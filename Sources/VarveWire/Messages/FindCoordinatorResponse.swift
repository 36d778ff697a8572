/// The coordinators, one at the top level up to version 3, in `coordinators` from 4 on.
package struct FindCoordinatorResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var errorMessage: String?
    package var nodeId: Int32 = 0
    package var host: String = ""
    package var port: Int32 = 0
    package var coordinators: [Coordinator] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        if c.version <= 3 { try c.errorCode(&errorCode) }
        if c.version >= 1 && c.version <= 3 { try c.string(&errorMessage) }
        if c.version <= 3 {
            try c.int32(&nodeId)
            try c.string(&host)
            try c.int32(&port)
        }
        if c.version >= 4 { try c.array(&coordinators) }
        try c.tags()
    }

    /// The coordinator of one key.
    package struct Coordinator: WireValue {
        package var key: String = ""
        package var nodeId: Int32 = 0
        package var host: String = ""
        package var port: Int32 = 0
        package var errorCode = ErrorCode.none
        package var errorMessage: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&key)
            try c.int32(&nodeId)
            try c.string(&host)
            try c.int32(&port)
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.tags()
        }
    }
}
