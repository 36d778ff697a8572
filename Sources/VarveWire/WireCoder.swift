package import VarvePlatform

/// One pass over a message's fields, in wire order: a `WireDecoder` fills them from bytes, a
/// `WireEncoder` writes them. So each message is defined once, in its `code` function.
///
/// A field that `version` does not have is left alone: it keeps its default when decoded and is
/// silently absent when encoded. `isFlexible` chooses the compact forms of KIP-482.
package protocol WireCoder {
    /// The API version of the message (for stored formats: the version of the record).
    var version: Int16 { get }
    /// Compact lengths and tagged fields (KIP-482).
    var isFlexible: Bool { get }
    /// Nothing is left to decode; false when encoding.
    var isAtEnd: Bool { get }

    mutating func bool(_ value: inout Bool) throws(WireError)
    mutating func int8(_ value: inout Int8) throws(WireError)
    mutating func int16(_ value: inout Int16) throws(WireError)
    mutating func uint16(_ value: inout UInt16) throws(WireError)
    mutating func int32(_ value: inout Int32) throws(WireError)
    mutating func int64(_ value: inout Int64) throws(WireError)
    mutating func float64(_ value: inout Double) throws(WireError)
    mutating func uuid(_ value: inout UniqueID) throws(WireError)
    /// UTF-8; invalid sequences decode as U+FFFD, as they do in Kafka's own broker.
    mutating func string(_ value: inout String) throws(WireError)
    mutating func string(_ value: inout String?) throws(WireError)
    /// Decoded bytes share the frame's memory.
    mutating func bytes(_ value: inout ByteSlice) throws(WireError)
    mutating func bytes(_ value: inout ByteSlice?) throws(WireError)
    /// Record batches: as `bytes`, but an encoder hands large ones on without copying them.
    mutating func records(_ value: inout ByteSlice?) throws(WireError)
    mutating func array<Element: WireValue>(_ value: inout [Element]) throws(WireError)
    mutating func array<Element: WireValue>(_ value: inout [Element]?) throws(WireError)
    /// A struct that may be absent: one byte, -1 for null and 1 before a value.
    mutating func optional<Value: WireValue>(_ value: inout Value?) throws(WireError)

    /// The end of a struct without tagged fields of its own; unknown ones are skipped. Nothing
    /// in versions that are not flexible.
    mutating func tags() throws(WireError)
    /// The end of a struct with tagged fields: between this and `endTags` come the `tag` calls,
    /// in ascending order. Both do nothing in versions that are not flexible.
    mutating func beginTags() throws(WireError)
    /// One tagged field of version `since` and later. Encoding leaves it out where `isDefault`;
    /// decoding calls `body` only where the field is there.
    mutating func tag(
        _ tag: UInt32, since: Int16, isDefault: Bool,
        _ body: (inout Self) throws(WireError) -> Void
    ) throws(WireError)
    mutating func endTags() throws(WireError)
}

extension WireCoder {
    @inline(__always)
    package mutating func errorCode(_ value: inout ErrorCode) throws(WireError) {
        try int16(&value.rawValue)
    }

    /// A tagged field that every flexible version of the struct has.
    @inline(__always)
    package mutating func tag(
        _ tag: UInt32, isDefault: Bool, _ body: (inout Self) throws(WireError) -> Void
    ) throws(WireError) {
        try self.tag(tag, since: 0, isDefault: isDefault, body)
    }

    /// A string that became nullable with `nullableSince`; before that nil is written as "".
    package mutating func string(
        _ value: inout String?, orEmptyBefore nullableSince: Int16
    ) throws(WireError) {
        guard version < nullableSince else { return try string(&value) }
        var present = value ?? ""
        try string(&present)
        value = present
    }

    /// An array that became nullable with `nullableSince`; before that nil is written as empty.
    package mutating func array<Element: WireValue>(
        _ value: inout [Element]?, orEmptyBefore nullableSince: Int16
    ) throws(WireError) {
        guard version < nullableSince else { return try array(&value) }
        var present = value ?? []
        try array(&present)
        value = present
    }
}

/// What can stand on the wire: messages, their structs, and the elements of arrays.
package protocol WireValue: Equatable, Sendable {
    /// The fewest bytes that any version of a value takes, at least 1: an array's count is
    /// checked with it against the bytes that are there, before memory is asked for.
    static var wireByteCountMin: Int { get }
    /// The value with each field at its default.
    init()
    /// Passes every field that the coder's version has, in wire order, to the coder.
    mutating func code<Coder: WireCoder>(_ c: inout Coder) throws(WireError)
}

extension WireValue {
    package static var wireByteCountMin: Int { 1 }

    /// The value with its defaults, then changed by `fill`: `Topic { $0.name = name }`.
    @inlinable package init(_ fill: (inout Self) -> Void) {
        self.init()
        fill(&self)
    }
}

/// The body of a request or response, or a stored record: a value that is coded by itself.
package protocol WireMessage: WireValue {
    /// `code` with a decoder. A requirement of its own so that each message has it specialized
    /// in this module, and a generic caller elsewhere pays one call and not one per field.
    mutating func decode(_ decoder: inout WireDecoder) throws(WireError)
    /// `code` with an encoder; the same.
    mutating func encode(_ encoder: inout WireEncoder) throws(WireError)
}

extension WireMessage {
    package mutating func decode(_ decoder: inout WireDecoder) throws(WireError) {
        try code(&decoder)
    }

    package mutating func encode(_ encoder: inout WireEncoder) throws(WireError) {
        try code(&encoder)
    }
}

/// The body of a response.
package protocol WireResponse: WireMessage {}

/// The body of a request; says which API it belongs to and what answers it.
package protocol WireRequest: WireMessage {
    associatedtype Response: WireResponse
    static var api: ApiKey { get }
}
