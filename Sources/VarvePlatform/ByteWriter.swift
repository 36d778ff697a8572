/// Builds bytes: big-endian numbers, Kafka's varints, copies of slices.
///
/// A value with one owner: hand it on `inout`, do not copy it while it is being written.
/// Source: Kafka protocol guide, "Protocol Primitive Types".
package struct ByteWriter {
    private var storage: ByteStorage
    /// The number of bytes written.
    package private(set) var count = 0

    package init(capacity: Int = 256) {
        storage = ByteStorage(capacity: max(capacity, 16))
    }

    /// What was written. The writer starts again with empty memory of its own.
    package mutating func finish() -> ByteSlice {
        defer {
            storage = ByteStorage(capacity: 16)
            count = 0
        }
        return ByteSlice(storage: storage, start: 0, count: count)
    }

    @inline(__always)
    private mutating func reserve(_ more: Int) -> UnsafeMutableRawPointer {
        if count + more > storage.capacity { grow(more) }
        defer { count += more }
        return storage.base + count
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        let larger = ByteStorage(capacity: max(storage.capacity * 2, count + more))
        larger.base.copyMemory(from: storage.base, byteCount: count)
        storage = larger
    }

    @inline(__always)
    private mutating func store<Number: FixedWidthInteger & BitwiseCopyable>(_ value: Number) {
        reserve(MemoryLayout<Number>.size).storeBytes(of: value.bigEndian, as: Number.self)
    }

    package mutating func int8(_ value: Int8) { store(value) }
    package mutating func int16(_ value: Int16) { store(value) }
    package mutating func int32(_ value: Int32) { store(value) }
    package mutating func int64(_ value: Int64) { store(value) }
    package mutating func uint8(_ value: UInt8) { store(value) }
    package mutating func uint16(_ value: UInt16) { store(value) }
    package mutating func uint32(_ value: UInt32) { store(value) }
    package mutating func float64(_ value: Double) { store(value.bitPattern) }

    package mutating func bytes(_ source: UnsafeRawBufferPointer) {
        guard let base = source.baseAddress, source.count > 0 else { return }
        reserve(source.count).copyMemory(from: base, byteCount: source.count)
    }

    package mutating func bytes(_ source: ByteSlice) {
        source.withUnsafeBytes { bytes($0) }
    }

    package mutating func bytes(_ source: [UInt8]) {
        source.withUnsafeBytes { bytes($0) }
    }

    /// Gives `body` room for at least one and at most `bytesMax` bytes; it returns how many of
    /// them it filled. The room at hand is used first, and doubled only when there is none, so
    /// the memory follows the bytes that came, not the bytes that were announced.
    package mutating func fill<Failure: Error>(
        _ bytesMax: Int, _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        precondition(bytesMax > 0)
        if storage.capacity == count { grow(min(bytesMax, storage.capacity)) }
        let room = min(storage.capacity - count, bytesMax)
        let filled = try body(
            UnsafeMutableRawBufferPointer(start: storage.base + count, count: room))
        precondition(filled >= 0 && filled <= room)
        count += filled
    }

    /// The bytes of memory held, used or not.
    package var capacity: Int { storage.capacity }

    /// The UTF-8 of `text`, without a length.
    package mutating func utf8(_ text: String) {
        var text = text
        text.withUTF8 { bytes(UnsafeRawBufferPointer($0)) }
    }

    /// `value` in decimal digits, as text.
    package mutating func decimal(_ value: Int64) {
        // 19 digits and a sign at most, written from the last one on.
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { text in
            var start = 20
            var rest = value.magnitude
            repeat {
                start -= 1
                text[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 {
                start -= 1
                text[start] = UInt8(ascii: "-")
            }
            bytes(UnsafeRawBufferPointer(rebasing: text[start...]))
        }
    }

    package mutating func unsignedVarint(_ value: UInt32) { varint(UInt64(value)) }

    /// Zig-zag, 32 bits.
    package mutating func varint(_ value: Int32) {
        varint(UInt64(UInt32(bitPattern: (value << 1) ^ (value >> 31))))
    }

    /// Zig-zag, 64 bits.
    package mutating func varlong(_ value: Int64) {
        varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            uint8(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        uint8(UInt8(truncatingIfNeeded: rest))
    }

    /// Gives `body` memory of `bytesMax` bytes to fill; it returns how many it used.
    package mutating func append<Failure: Error>(
        upTo bytesMax: Int, _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        if count + bytesMax > storage.capacity { grow(bytesMax) }
        let room = UnsafeMutableRawBufferPointer(start: storage.base + count, count: bytesMax)
        let used = try body(room)
        precondition(used >= 0 && used <= bytesMax)
        count += used
    }

    /// Overwrites four bytes written before, for lengths and checksums known only at the end.
    package mutating func patchInt32(_ value: Int32, at position: Int) {
        precondition(position >= 0 && position + 4 <= count)
        (storage.base + position).storeBytes(of: value.bigEndian, as: Int32.self)
    }

    /// Drops everything from `position` on.
    package mutating func cut(to position: Int) {
        precondition(position >= 0 && position <= count)
        count = position
    }

    /// Gives `body` what has been written so far; the pointer is good only inside it.
    package func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(storage) { (_) throws(Failure) in
            try body(UnsafeRawBufferPointer(start: storage.base, count: count))
        }
    }

    /// The number of bytes `unsignedVarint` writes for `value`.
    package static func varintSize(_ value: UInt64) -> Int {
        (70 - (value | 1).leadingZeroBitCount) / 7
    }
}
