package import VarvePlatform

// The element types of arrays that are not structs.

extension Int8: WireValue {
    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int8(&self)
    }
}

extension Int16: WireValue {
    package static var wireByteCountMin: Int { 2 }
    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int16(&self)
    }
}

extension Int32: WireValue {
    package static var wireByteCountMin: Int { 4 }
    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int32(&self)
    }
}

extension Int64: WireValue {
    package static var wireByteCountMin: Int { 8 }
    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.int64(&self)
    }
}

extension String: WireValue {
    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.string(&self)
    }
}

extension UniqueID: WireValue {
    package static var wireByteCountMin: Int { 16 }
    /// "No id" on Kafka's wire: `UniqueID.zero`.
    package init() { self = .zero }
    package mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError) {
        try c.uuid(&self)
    }
}
