package import VarvePlatform

/// Writes a message's fields into memory, large record payloads apart: they stay the pieces that
/// they are and are never copied.
package struct WireEncoder: WireCoder {
    package let version: Int16
    package let isFlexible: Bool
    private var writer: ByteWriter
    /// Payloads that belong between the written bytes, each with the number of bytes before it.
    private var payloads: [(position: Int, bytes: ByteSlice)] = []
    private var payloadByteCount = 0
    /// Tagged fields of the structs that are open, the innermost last.
    private var openTags: [[(tag: UInt32, value: ByteSlice)]] = []
    /// Above zero inside a tagged field, whose size must be known before it is written.
    private var tagDepth = 0

    /// Payloads from this size on stay pieces of their own: below it one more element in the
    /// socket's gathered write costs more than the copy.
    package static let payloadBytesMin = 1_024

    package init(version: Int16, isFlexible: Bool, startingWith head: ByteSlice = ByteSlice()) {
        self.version = version
        self.isFlexible = isFlexible
        writer = ByteWriter(capacity: 256)
        writer.bytes(head)
    }

    package var isAtEnd: Bool { false }

    /// The number of bytes so far, payloads included.
    package var byteCount: Int { writer.count + payloadByteCount }

    /// Writes the number of bytes after the first four into those four.
    mutating func patchLength() throws(WireError) {
        guard let length = Int32(exactly: byteCount - 4) else {
            throw .frameTooLong(bytes: byteCount - 4)
        }
        writer.patchInt32(length, at: 0)
    }

    /// What was written, in order, as pieces to send one after the other.
    package mutating func finishPieces() -> [ByteSlice] {
        let written = writer.finish()
        guard !payloads.isEmpty else { return [written] }
        var pieces: [ByteSlice] = []
        pieces.reserveCapacity(payloads.count * 2 + 1)
        var start = 0
        for payload in payloads {
            if payload.position > start { pieces.append(written[start..<payload.position]) }
            pieces.append(payload.bytes)
            start = payload.position
        }
        if start < written.count { pieces.append(written[start..<written.count]) }
        payloads = []
        payloadByteCount = 0
        return pieces
    }

    /// What was written, as one run of bytes; payloads are copied into it.
    package mutating func finish() -> ByteSlice {
        let count = byteCount
        let pieces = finishPieces()
        if pieces.count == 1 { return pieces[0] }
        var joined = ByteWriter(capacity: count)
        for piece in pieces { joined.bytes(piece) }
        return joined.finish()
    }

    package mutating func bool(_ value: inout Bool) throws(WireError) {
        writer.int8(value ? 1 : 0)
    }

    package mutating func int8(_ value: inout Int8) throws(WireError) { writer.int8(value) }
    package mutating func int16(_ value: inout Int16) throws(WireError) { writer.int16(value) }
    package mutating func uint16(_ value: inout UInt16) throws(WireError) {
        writer.uint16(value)
    }
    package mutating func int32(_ value: inout Int32) throws(WireError) { writer.int32(value) }
    package mutating func int64(_ value: inout Int64) throws(WireError) { writer.int64(value) }
    package mutating func float64(_ value: inout Double) throws(WireError) {
        writer.float64(value)
    }

    package mutating func uuid(_ value: inout UniqueID) throws(WireError) {
        writer.uniqueID(value)
    }

    package mutating func string(_ value: inout String) throws(WireError) {
        let count = value.utf8.count
        if isFlexible {
            try compactCount(count)
        } else {
            guard count <= Int(Int16.max) else {
                throw .valueTooLong(bytes: count, bytesMax: Int(Int16.max))
            }
            writer.int16(Int16(count))
        }
        writer.utf8(value)
    }

    package mutating func string(_ value: inout String?) throws(WireError) {
        if var present = value {
            try string(&present)
        } else if isFlexible {
            writer.unsignedVarint(0)
        } else {
            writer.int16(-1)
        }
    }

    package mutating func bytes(_ value: inout ByteSlice) throws(WireError) {
        try longCount(value.count)
        writer.bytes(value)
    }

    package mutating func bytes(_ value: inout ByteSlice?) throws(WireError) {
        try longCount(value?.count)
        if let value { writer.bytes(value) }
    }

    package mutating func records(_ value: inout ByteSlice?) throws(WireError) {
        try longCount(value?.count)
        guard let value else { return }
        if value.count < Self.payloadBytesMin || tagDepth > 0 {
            writer.bytes(value)
        } else {
            payloads.append((writer.count, value))
            payloadByteCount += value.count
        }
    }

    package mutating func array<Element: WireValue>(
        _ value: inout [Element]
    ) throws(WireError) {
        try longCount(value.count)
        // Copies of the elements, not places in the array: those would make it unique, a whole
        // copy, although encoding changes nothing.
        for element in value {
            var element = element
            try element.code(&self)
        }
    }

    package mutating func array<Element: WireValue>(
        _ value: inout [Element]?
    ) throws(WireError) {
        if var present = value {
            try array(&present)
        } else {
            try longCount(nil)
        }
    }

    package mutating func optional<Value: WireValue>(
        _ value: inout Value?
    ) throws(WireError) {
        guard var present = value else {
            writer.int8(-1)
            return
        }
        writer.int8(1)
        try present.code(&self)
    }

    package mutating func tags() throws(WireError) {
        guard isFlexible else { return }
        writer.unsignedVarint(0)
    }

    package mutating func beginTags() throws(WireError) {
        guard isFlexible else { return }
        openTags.append([])
    }

    package mutating func tag(
        _ tag: UInt32, since: Int16, isDefault: Bool,
        _ body: (inout WireEncoder) throws(WireError) -> Void
    ) throws(WireError) {
        guard isFlexible, version >= since, !isDefault else { return }
        let outside = writer
        writer = ByteWriter(capacity: 64)
        tagDepth += 1
        try body(&self)
        tagDepth -= 1
        let value = writer.finish()
        writer = outside
        openTags[openTags.count - 1].append((tag, value))
    }

    package mutating func endTags() throws(WireError) {
        guard isFlexible else { return }
        let fields = openTags.removeLast()
        writer.unsignedVarint(UInt32(fields.count))
        for field in fields {
            writer.unsignedVarint(field.tag)
            writer.unsignedVarint(UInt32(field.value.count))
            writer.bytes(field.value)
        }
    }

    /// The count of a byte run or an array, nil for null.
    private mutating func longCount(_ count: Int?) throws(WireError) {
        if isFlexible {
            guard let count else { return writer.unsignedVarint(0) }
            try compactCount(count)
        } else {
            guard let count else { return writer.int32(-1) }
            guard count <= Int(Int32.max) else {
                throw .valueTooLong(bytes: count, bytesMax: Int(Int32.max))
            }
            writer.int32(Int32(count))
        }
    }

    private mutating func compactCount(_ count: Int) throws(WireError) {
        guard count < Int(Int32.max) else {
            throw .valueTooLong(bytes: count, bytesMax: Int(Int32.max) - 1)
        }
        writer.unsignedVarint(UInt32(count + 1))
    }
}
