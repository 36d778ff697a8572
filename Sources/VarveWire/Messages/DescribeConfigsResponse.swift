/// The settings of topics or brokers.
package struct DescribeConfigsResponse: WireResponse {
    /// How long the client should pause, in milliseconds.
    package var throttleTimeMs: Int32 = 0
    package var results: [Resource] = []

    package init() {}

    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&throttleTimeMs)
        try c.array(&results)
        try c.tags()
    }

    /// The settings of one resource.
    package struct Resource: WireValue {
        package var errorCode = ErrorCode.none
        package var errorMessage: String?
        package var resourceType: Int8 = 0
        package var resourceName: String = ""
        package var configs: [Config] = []

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.errorCode(&errorCode)
            try c.string(&errorMessage)
            try c.int8(&resourceType)
            try c.string(&resourceName)
            try c.array(&configs)
            try c.tags()
        }
    }

    /// One setting.
    package struct Config: WireValue {
        package var name: String = ""
        package var value: String?
        package var readOnly: Bool = false
        /// 1 topic, 2 broker, changed at run time, 3 the same for all brokers, 4 broker, from its
        /// file, 5 default; -1 in version 0.
        package var configSource: Int8 = -1
        /// Version 0 only; later `configSource` says it.
        package var isDefault: Bool = false
        package var isSensitive: Bool = false
        package var synonyms: [Synonym] = []
        /// 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password; 0
        /// unknown.
        package var configType: Int8 = 0
        package var documentation: String?

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.string(&value)
            try c.bool(&readOnly)
            if c.version >= 1 { try c.int8(&configSource) }
            if c.version <= 0 { try c.bool(&isDefault) }
            try c.bool(&isSensitive)
            if c.version >= 1 { try c.array(&synonyms) }
            if c.version >= 3 {
                try c.int8(&configType)
                try c.string(&documentation)
            }
            try c.tags()
        }
    }

    /// A place that the setting's value may come from, the one in force first.
    package struct Synonym: WireValue {
        package var name: String = ""
        package var value: String?
        package var source: Int8 = 0

        package init() {}

        package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
            try c.string(&name)
            try c.string(&value)
            try c.int8(&source)
            try c.tags()
        }
    }
}
