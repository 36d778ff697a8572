/// Deletes groups that have no members, with their offsets.
package struct DeleteGroupsRequest: WireRequest {
    package typealias Response = DeleteGroupsResponse
    package static let api = ApiKey.deleteGroups

    package var groupsNames: [String] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&groupsNames)
        try c.tags()
    }
}
