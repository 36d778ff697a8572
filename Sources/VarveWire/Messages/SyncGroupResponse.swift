package import VarvePlatform

/// What the member is assigned.
package struct SyncGroupResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var protocolType: String?
    package var protocolName: String?
    package var assignment = ByteSlice()

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.errorCode(&errorCode)
        if c.version >= 5 {
            try c.string(&protocolType)
            try c.string(&protocolName)
        }
        // librdkafka's mock broker puts null here beside an error; it means nothing assigned.
        var nullable: ByteSlice? = assignment
        try c.bytes(&nullable)
        assignment = nullable ?? ByteSlice()
        try c.tags()
    }
}
