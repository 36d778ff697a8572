/// Asks which broker coordinates groups or transactions.
package struct FindCoordinatorRequest: WireRequest {
    package typealias Response = FindCoordinatorResponse
    package static let api = ApiKey.findCoordinator

    /// The group or transactional id; from version 4 on `coordinatorKeys`.
    package var key: String = ""
    /// 0 group, 1 transaction, 2 share group.
    package var keyType: Int8 = 0
    package var coordinatorKeys: [String] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        if c.version <= 3 { try c.string(&key) }
        if c.version >= 1 { try c.int8(&keyType) }
        if c.version >= 4 { try c.array(&coordinatorKeys) }
        try c.tags()
    }
}
