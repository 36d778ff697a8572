/// The groups.
package struct ListGroupsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var groups: [Group] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.errorCode(&errorCode)
        try c.array(&groups)
        try c.tags()
    }

    /// One group.
    package struct Group: WireValue {
        package var groupId: String = ""
        package var protocolType: String = ""
        package var groupState: String = ""
        package var groupType: String = ""

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&groupId)
            try c.string(&protocolType)
            if c.version >= 4 { try c.string(&groupState) }
            if c.version >= 5 { try c.string(&groupType) }
            try c.tags()
        }
    }
}
