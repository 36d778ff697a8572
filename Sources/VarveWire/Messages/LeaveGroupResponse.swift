/// Who left.
package struct LeaveGroupResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var members: [Member] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.errorCode(&errorCode)
        if c.version >= 3 { try c.array(&members) }
        try c.tags()
    }

    /// The outcome for one member.
    package struct Member: WireValue {
        package var memberId: String = ""
        package var groupInstanceId: String?
        package var errorCode = ErrorCode.none

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&memberId)
            try c.string(&groupInstanceId)
            try c.errorCode(&errorCode)
            try c.tags()
        }
    }
}
