/// Which resources have settings.
package struct ListConfigResourcesResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var errorCode = ErrorCode.none
    package var configResources: [Resource] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.errorCode(&errorCode)
        try c.array(&configResources)
        try c.tags()
    }

    /// A resource by its name and type.
    package struct Resource: WireValue {
        package var resourceName: String = ""
        package var resourceType: Int8 = 16

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&resourceName)
            if c.version >= 1 { try c.int8(&resourceType) }
            try c.tags()
        }
    }
}
