package import VarvePlatform

/// Sets and removes SCRAM credentials (KIP-554).
package struct AlterUserScramCredentialsRequest: WireRequest {
    package typealias Response = AlterUserScramCredentialsResponse
    package static let api = ApiKey.alterUserScramCredentials

    package var deletions: [Deletion] = []
    package var upsertions: [Upsertion] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.array(&deletions)
        try c.array(&upsertions)
        try c.tags()
    }

    /// A credential to remove.
    package struct Deletion: WireValue {
        package var name: String = ""
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        package var mechanism: Int8 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.int8(&mechanism)
            try c.tags()
        }
    }

    /// A credential to set.
    package struct Upsertion: WireValue {
        package var name: String = ""
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        package var mechanism: Int8 = 0
        package var iterations: Int32 = 0
        package var salt = ByteSlice()
        package var saltedPassword = ByteSlice()

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.int8(&mechanism)
            try c.int32(&iterations)
            try c.bytes(&salt)
            try c.bytes(&saltedPassword)
            try c.tags()
        }
    }
}
