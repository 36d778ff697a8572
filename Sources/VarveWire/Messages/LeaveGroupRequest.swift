/// Takes members out of a group: the sender itself up to version 2, any from 3 on.
package struct LeaveGroupRequest: WireRequest {
    package typealias Response = LeaveGroupResponse
    package static let api = ApiKey.leaveGroup

    package var groupId: String = ""
    package var memberId: String = ""
    package var members: [Member] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&groupId)
        if c.version <= 2 { try c.string(&memberId) }
        if c.version >= 3 { try c.array(&members) }
        try c.tags()
    }

    /// A member to take out, by its id or its instance id.
    package struct Member: WireValue {
        package var memberId: String = ""
        package var groupInstanceId: String?
        package var reason: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&memberId)
            try c.string(&groupInstanceId)
            if c.version >= 5 { try c.string(&reason) }
            try c.tags()
        }
    }
}
