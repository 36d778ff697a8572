/// Which groups were deleted.
package struct DeleteGroupsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var results: [Group] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.array(&results)
        try c.tags()
    }

    /// The outcome for one group.
    package struct Group: WireValue {
        package var groupId: String = ""
        package var errorCode = ErrorCode.none

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&groupId)
            try c.errorCode(&errorCode)
            try c.tags()
        }
    }
}
