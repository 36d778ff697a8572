package import VarvePlatform

/// Reads a message's fields off a frame.
///
/// Takes any bytes: whatever they are, it returns or throws, reads nothing outside them, and asks
/// for no more memory than `structureBytesMax` plus a small multiple of the frame (I8).
package struct WireDecoder: WireCoder {
    package let version: Int16
    package let isFlexible: Bool
    private var reader: ByteReader
    /// How many bytes of array elements the frame may still ask for.
    private var structureBytesLeft: Int
    private let structureBytesMax: Int
    /// Tagged fields of the structs that are open, the innermost last: where each value stands.
    private var openTags: [[TagField]] = []

    private struct TagField {
        var tag: UInt32
        var value: Range<Int>
    }

    /// Memory for the array elements of one frame. Far above any real message (a Metadata
    /// response with 200 000 partitions takes 30 MB), far below what 100 MiB of hostile counts
    /// could ask for.
    package static let structureBytesMaxDefault = 128 << 20

    /// Tags above this are not known to any message, so they are skipped without being noted.
    private static let tagMax: UInt32 = 31

    package init(
        _ bytes: ByteSlice, at position: Int = 0, version: Int16, isFlexible: Bool,
        structureBytesMax: Int = structureBytesMaxDefault
    ) {
        reader = ByteReader(bytes, at: position)
        self.version = version
        self.isFlexible = isFlexible
        self.structureBytesMax = structureBytesMax
        structureBytesLeft = structureBytesMax
    }

    /// The next byte to read.
    package var position: Int { reader.position }
    /// Bytes after `position`.
    package var remaining: Int { reader.remaining }
    package var isAtEnd: Bool { reader.isAtEnd }

    @inline(__always)
    private mutating func read<Value>(
        _ body: (inout ByteReader) throws(ByteReadError) -> Value
    ) throws(WireError) -> Value {
        do { return try body(&reader) } catch { throw .malformed(error) }
    }

    package mutating func bool(_ value: inout Bool) throws(WireError) {
        value = try read { r throws(ByteReadError) in try r.int8() } != 0
    }

    package mutating func int8(_ value: inout Int8) throws(WireError) {
        value = try read { r throws(ByteReadError) in try r.int8() }
    }

    package mutating func int16(_ value: inout Int16) throws(WireError) {
        value = try read { r throws(ByteReadError) in try r.int16() }
    }

    package mutating func uint16(_ value: inout UInt16) throws(WireError) {
        value = try read { r throws(ByteReadError) in try r.uint16() }
    }

    package mutating func int32(_ value: inout Int32) throws(WireError) {
        value = try read { r throws(ByteReadError) in try r.int32() }
    }

    package mutating func int64(_ value: inout Int64) throws(WireError) {
        value = try read { r throws(ByteReadError) in try r.int64() }
    }

    package mutating func float64(_ value: inout Double) throws(WireError) {
        value = try read { r throws(ByteReadError) in try r.float64() }
    }

    package mutating func uuid(_ value: inout UniqueID) throws(WireError) {
        value = try read { r throws(ByteReadError) in try r.uniqueID() }
    }

    package mutating func string(_ value: inout String) throws(WireError) {
        let at = position
        guard let slice = try shortSlice() else { throw .unexpectedNull(position: at) }
        value = slice.string
    }

    package mutating func string(_ value: inout String?) throws(WireError) {
        value = try shortSlice()?.string
    }

    package mutating func bytes(_ value: inout ByteSlice) throws(WireError) {
        let at = position
        guard let slice = try longSlice() else { throw .unexpectedNull(position: at) }
        value = slice
    }

    package mutating func bytes(_ value: inout ByteSlice?) throws(WireError) {
        value = try longSlice()
    }

    package mutating func records(_ value: inout ByteSlice?) throws(WireError) {
        value = try longSlice()
    }

    package mutating func array<Element: WireValue>(
        _ value: inout [Element]
    ) throws(WireError) {
        let at = position
        guard let elements: [Element] = try elements() else {
            throw .unexpectedNull(position: at)
        }
        value = elements
    }

    package mutating func array<Element: WireValue>(
        _ value: inout [Element]?
    ) throws(WireError) {
        value = try elements()
    }

    package mutating func optional<Value: WireValue>(
        _ value: inout Value?
    ) throws(WireError) {
        var marker: Int8 = 0
        try int8(&marker)
        guard marker >= 0 else {
            value = nil
            return
        }
        var present = Value()
        try present.code(&self)
        value = present
    }

    package mutating func tags() throws(WireError) {
        guard isFlexible else { return }
        try readTags { _ in }
    }

    package mutating func beginTags() throws(WireError) {
        guard isFlexible else { return }
        var fields: [TagField] = []
        try readTags { fields.append($0) }
        openTags.append(fields)
    }

    package mutating func tag(
        _ tag: UInt32, since: Int16, isDefault: Bool,
        _ body: (inout WireDecoder) throws(WireError) -> Void
    ) throws(WireError) {
        guard
            isFlexible, version >= since,
            let field = openTags.last?.first(where: { $0.tag == tag })
        else { return }
        // The value is read where it stands, and must end where its size said.
        let outside = reader
        reader = ByteReader(outside.bytes[..<field.value.upperBound], at: field.value.lowerBound)
        try body(&self)
        guard reader.isAtEnd else { throw .badTag(position: reader.position, tag: tag) }
        reader = outside
    }

    package mutating func endTags() throws(WireError) {
        guard isFlexible else { return }
        openTags.removeLast()
    }

    private mutating func readTags(_ note: (TagField) -> Void) throws(WireError) {
        let count = try read { r throws(ByteReadError) in try r.unsignedVarint() }
        var last: UInt32?
        for _ in 0..<count {
            let at = position
            let tag = try read { r throws(ByteReadError) in try r.unsignedVarint() }
            let size = try read { r throws(ByteReadError) in try r.unsignedVarint() }
            if let last, tag <= last { throw .badTag(position: at, tag: tag) }
            last = tag
            let start = position
            try read { r throws(ByteReadError) in try r.skip(Int(size)) }
            if tag <= Self.tagMax { note(TagField(tag: tag, value: start..<position)) }
        }
    }

    /// A string's bytes: their count in 16 bits, or compact.
    private mutating func shortSlice() throws(WireError) -> ByteSlice? {
        if isFlexible { return try compactSlice() }
        let count = try read { r throws(ByteReadError) in try r.int16() }
        return try slice(Int(count))
    }

    /// A byte run: its count in 32 bits, or compact.
    private mutating func longSlice() throws(WireError) -> ByteSlice? {
        if isFlexible { return try compactSlice() }
        let count = try read { r throws(ByteReadError) in try r.int32() }
        return try slice(Int(count))
    }

    private mutating func compactSlice() throws(WireError) -> ByteSlice? {
        let countPlusOne = try read { r throws(ByteReadError) in try r.unsignedVarint() }
        return try slice(Int(countPlusOne) - 1)
    }

    /// -1 means null; other negative counts are malformed.
    private mutating func slice(_ count: Int) throws(WireError) -> ByteSlice? {
        guard count != -1 else { return nil }
        return try read { r throws(ByteReadError) in try r.slice(count) }
    }

    private mutating func elements<Element: WireValue>() throws(WireError) -> [Element]? {
        let at = position
        let count: Int
        if isFlexible {
            count = Int(try read { r throws(ByteReadError) in try r.unsignedVarint() }) - 1
        } else {
            count = Int(try read { r throws(ByteReadError) in try r.int32() })
        }
        guard count != -1 else { return nil }
        guard count >= 0, count <= remaining / Element.wireByteCountMin else {
            throw .badArrayCount(position: at, count: Int64(count), remaining: remaining)
        }
        let (size, overflow) = count.multipliedReportingOverflow(
            by: MemoryLayout<Element>.stride)
        guard !overflow, size <= structureBytesLeft else {
            throw .structureTooLarge(bytesMax: structureBytesMax)
        }
        structureBytesLeft -= size
        var result: [Element] = []
        result.reserveCapacity(count)
        for _ in 0..<count {
            var element = Element()
            try element.code(&self)
            result.append(element)
        }
        return result
    }
}
