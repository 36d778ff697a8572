/// Asks for the state and members of groups.
package struct DescribeGroupsRequest: WireRequest {
    package typealias Response = DescribeGroupsResponse
    package static let api = ApiKey.describeGroups

    package var groups: [String] = []
    package var includeAuthorizedOperations: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&groups)
        if c.version >= 3 { try c.bool(&includeAuthorizedOperations) }
        try c.tags()
    }
}
