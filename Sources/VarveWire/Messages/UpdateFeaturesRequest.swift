/// Raises or lowers the levels of features (KIP-584, KIP-778).
package struct UpdateFeaturesRequest: WireRequest {
    package typealias Response = UpdateFeaturesResponse
    package static let api = ApiKey.updateFeatures

    /// In milliseconds.
    package var timeoutMs: Int32 = 60_000
    package var featureUpdates: [FeatureUpdate] = []
    /// Check, and change nothing.
    package var validateOnly: Bool = false

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&timeoutMs)
        try c.array(&featureUpdates)
        if c.version >= 1 { try c.bool(&validateOnly) }
        try c.tags()
    }

    /// A feature and the level it is to have.
    package struct FeatureUpdate: WireValue {
        package var feature: String = ""
        /// Below 1 the feature goes.
        package var maxVersionLevel: Int16 = 0
        package var allowDowngrade: Bool = false
        /// 1 only up, 2 down where nothing is lost, 3 down at any price.
        package var upgradeType: Int8 = 1

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&feature)
            try c.int16(&maxVersionLevel)
            if c.version <= 0 { try c.bool(&allowDowngrade) }
            if c.version >= 1 { try c.int8(&upgradeType) }
            try c.tags()
        }
    }
}
