/// Asks which SCRAM credentials users have (KIP-554).
package struct DescribeUserScramCredentialsRequest: WireRequest {
    package typealias Response = DescribeUserScramCredentialsResponse
    package static let api = ApiKey.describeUserScramCredentials

    /// Nil or empty for all of them.
    package var users: [User]?

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&users)
        try c.tags()
    }

    /// A user by name.
    package struct User: WireValue {
        package var name: String = ""

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.tags()
        }
    }
}
