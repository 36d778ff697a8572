/// Asks for all groups, or those in given states or of given types.
package struct ListGroupsRequest: WireRequest {
    package typealias Response = ListGroupsResponse
    package static let api = ApiKey.listGroups

    /// Empty for all.
    package var statesFilter: [String] = []
    /// Empty for all.
    package var typesFilter: [String] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version >= 4 { try c.array(&statesFilter) }
        if c.version >= 5 { try c.array(&typesFilter) }
        try c.tags()
    }
}
