/// The APIs and versions that the broker takes. Kafka answers a request of a version it does not
/// know in version 0, with UNSUPPORTED_VERSION and this API's range in `apiKeys` (KIP-511).
package struct ApiVersionsResponse: WireResponse {
    package var errorCode = ErrorCode.none
    package var apiKeys: [ApiVersion] = []
    package var throttleTimeMs: Int32 = 0
    package var supportedFeatures: [SupportedFeature] = []
    /// -1 where it is unknown.
    package var finalizedFeaturesEpoch: Int64 = -1
    package var finalizedFeatures: [FinalizedFeature] = []
    /// Of Kafka's past with ZooKeeper; false.
    package var zkMigrationReady: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.errorCode(&errorCode)
        try c.array(&apiKeys)
        if c.version >= 1 { try c.int32(&throttleTimeMs) }
        try c.beginTags()
        try c.tag(0, isDefault: supportedFeatures.isEmpty) { c throws(WireError) in
            try c.array(&supportedFeatures)
        }
        try c.tag(1, isDefault: finalizedFeaturesEpoch == -1) { c throws(WireError) in
            try c.int64(&finalizedFeaturesEpoch)
        }
        try c.tag(2, isDefault: finalizedFeatures.isEmpty) { c throws(WireError) in
            try c.array(&finalizedFeatures)
        }
        try c.tag(3, isDefault: !zkMigrationReady) { c throws(WireError) in
            try c.bool(&zkMigrationReady)
        }
        try c.endTags()
    }

    /// One API and the versions of it that the broker takes. The key is a bare number, since a
    /// broker may have APIs that this module does not know.
    package struct ApiVersion: WireValue {
        package var apiKey: Int16 = 0
        package var minVersion: Int16 = 0
        package var maxVersion: Int16 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.int16(&apiKey)
            try c.int16(&minVersion)
            try c.int16(&maxVersion)
            try c.tags()
        }
    }

    /// A feature the broker could run, KIP-584.
    package struct SupportedFeature: WireValue {
        package var name: String = ""
        package var minVersion: Int16 = 0
        package var maxVersion: Int16 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.int16(&minVersion)
            try c.int16(&maxVersion)
            try c.tags()
        }
    }

    /// A feature level the cluster runs at, KIP-584.
    package struct FinalizedFeature: WireValue {
        package var name: String = ""
        package var maxVersionLevel: Int16 = 0
        package var minVersionLevel: Int16 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.int16(&maxVersionLevel)
            try c.int16(&minVersionLevel)
            try c.tags()
        }
    }
}
