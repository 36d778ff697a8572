/// Which resources were altered: the answer to AlterConfigs and IncrementalAlterConfigs alike.
package struct AlterConfigsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var responses: [Resource] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.array(&responses)
        try c.tags()
    }

    /// The outcome for one resource.
    package struct Resource: WireValue {
        package var errorCode = ErrorCode.none
        package var errorMessage: String?
        package var resourceType: Int8 = 0
        package var resourceName: String = ""

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.int8(&resourceType)
            try c.string(&resourceName)
            try c.tags()
        }
    }
}
