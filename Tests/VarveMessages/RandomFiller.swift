package import VarvePlatform
package import VarveSimulation
package import VarveWire

/// Walks a message as a decoder does and fills every field that the version has with something
/// random: what round-trip tests send.
package struct RandomFiller: WireCoder {
    package let version: Int16
    package let isFlexible: Bool
    package let isAtEnd = false
    package private(set) var random: Generator

    private mutating func number<Number: FixedWidthInteger>(_ value: inout Number) {
        // Every length of number, and both its ends.
        switch random.below(4) {
        case 0: value = Number(truncatingIfNeeded: random.below(3) - 1)
        case 1: value = random.below(2) == 0 ? .min : .max
        default: value = Number(truncatingIfNeeded: random.next() >> UInt64(random.below(64)))
        }
    }

    private mutating func text() -> String {
        let letters = ["a", "Z", "-", "é", "漢", "🜚", "\u{0}"]
        return (0..<random.below(20)).map { _ in letters[random.below(letters.count)] }.joined()
    }

    private mutating func run() -> ByteSlice {
        let count = random.below(8) == 0 ? random.below(5_000) : random.below(40)
        return ByteSlice((0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) })
    }

    private mutating func isNull() -> Bool { random.below(4) == 0 }

    package init(version: Int16, isFlexible: Bool, random: Generator) {
        self.version = version
        self.isFlexible = isFlexible
        self.random = random
    }

    package mutating func bool(_ value: inout Bool) { value = random.below(2) == 0 }
    package mutating func int8(_ value: inout Int8) { number(&value) }
    package mutating func int16(_ value: inout Int16) { number(&value) }
    package mutating func uint16(_ value: inout UInt16) { number(&value) }
    package mutating func int32(_ value: inout Int32) { number(&value) }
    package mutating func int64(_ value: inout Int64) { number(&value) }
    package mutating func float64(_ value: inout Double) {
        value = Double(random.below(1 << 20)) / 8
    }
    package mutating func uuid(_ value: inout UniqueID) {
        value = UniqueID(high: random.next(), low: random.next())
    }
    package mutating func string(_ value: inout String) { value = text() }
    package mutating func string(_ value: inout String?) { value = isNull() ? nil : text() }
    package mutating func bytes(_ value: inout ByteSlice) { value = run() }
    package mutating func bytes(_ value: inout ByteSlice?) { value = isNull() ? nil : run() }
    package mutating func records(_ value: inout ByteSlice?) { value = isNull() ? nil : run() }

    package mutating func array<Element: WireValue>(_ value: inout [Element]) throws(WireError) {
        value = []
        for _ in 0..<random.below(4) {
            var element = Element()
            try element.code(&self)
            value.append(element)
        }
    }

    package mutating func array<Element: WireValue>(_ value: inout [Element]?) throws(WireError) {
        guard !isNull() else { return value = nil }
        var present: [Element] = []
        try array(&present)
        value = present
    }

    package mutating func optional<Value: WireValue>(_ value: inout Value?) throws(WireError) {
        guard !isNull() else { return value = nil }
        var present = Value()
        try present.code(&self)
        value = present
    }

    package mutating func tags() {}
    package mutating func beginTags() {}
    package mutating func endTags() {}

    package mutating func tag(
        _ tag: UInt32, since: Int16, isDefault: Bool,
        _ body: (inout Self) throws(WireError) -> Void
    ) throws(WireError) {
        guard isFlexible, version >= since, random.below(2) == 0 else { return }
        try body(&self)
    }
}
