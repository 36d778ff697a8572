/// What AlterConfigs and IncrementalAlterConfigs alter: they differ in what they say of one setting,
/// the `Config`, and in nothing else.
package struct AlteredResource<Config: WireValue>: WireValue {
    /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
    package var resourceType: Int8 = 0
    package var resourceName: String = ""
    package var configs: [Config] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int8(&resourceType)
        try c.string(&resourceName)
        try c.array(&configs)
        try c.tags()
    }
}
