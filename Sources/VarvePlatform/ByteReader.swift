/// What a reader throws instead of reading outside its bytes.
package enum ByteReadError: Error, Equatable, Sendable {
    /// `needed` bytes were asked for at `position`, and only `available` are there.
    case endOfBytes(position: Int, needed: Int, available: Int)
    /// The varint at `position` is longer than its type allows (5 bytes for 32 bits, 10 for 64).
    case varintTooLong(position: Int)
    /// The length at `position` is negative where none may be, or does not fit.
    case badLength(position: Int, length: Int64)
}

/// Reads big-endian numbers and Kafka's varints off a slice, each access checked.
///
/// Holds the slice's memory, so what it hands out stays good. Positions count from the slice's
/// first byte. Source: Kafka protocol guide, "Protocol Primitive Types".
package struct ByteReader: Sendable {
    package let bytes: ByteSlice
    /// The next byte to read, 0 to `bytes.count`.
    package private(set) var position: Int

    package init(_ bytes: ByteSlice, at position: Int = 0) {
        precondition(position >= 0 && position <= bytes.count)
        self.bytes = bytes
        self.position = position
    }

    package var remaining: Int { bytes.count - position }
    package var isAtEnd: Bool { position == bytes.count }

    @inline(__always)
    private mutating func take(_ count: Int) throws(ByteReadError) -> Int {
        guard count >= 0 else {
            throw .badLength(position: position, length: Int64(count))
        }
        guard count <= remaining else {
            throw .endOfBytes(position: position, needed: count, available: remaining)
        }
        defer { position += count }
        return position
    }

    @inline(__always)
    private mutating func load<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type
    ) throws(ByteReadError) -> Number {
        let at = try take(MemoryLayout<Number>.size)
        return bytes.withUnsafeBytes {
            Number(bigEndian: $0.loadUnaligned(fromByteOffset: at, as: Number.self))
        }
    }

    package mutating func int8() throws(ByteReadError) -> Int8 { try load(Int8.self) }
    package mutating func int16() throws(ByteReadError) -> Int16 { try load(Int16.self) }
    package mutating func int32() throws(ByteReadError) -> Int32 { try load(Int32.self) }
    package mutating func int64() throws(ByteReadError) -> Int64 { try load(Int64.self) }
    package mutating func uint8() throws(ByteReadError) -> UInt8 { try load(UInt8.self) }
    package mutating func uint16() throws(ByteReadError) -> UInt16 { try load(UInt16.self) }
    package mutating func uint32() throws(ByteReadError) -> UInt32 { try load(UInt32.self) }
    package mutating func float64() throws(ByteReadError) -> Double {
        Double(bitPattern: try load(UInt64.self))
    }

    /// The next `count` bytes, sharing memory.
    package mutating func slice(_ count: Int) throws(ByteReadError) -> ByteSlice {
        let at = try take(count)
        return bytes[at..<at + count]
    }

    package mutating func skip(_ count: Int) throws(ByteReadError) {
        _ = try take(count)
    }

    /// An unsigned varint of at most 32 bits: seven bits a byte, the lowest first.
    package mutating func unsignedVarint() throws(ByteReadError) -> UInt32 {
        let wide = try varint(bytesMax: 5)
        guard let narrow = UInt32(exactly: wide) else {
            throw .varintTooLong(position: position)
        }
        return narrow
    }

    /// A zig-zag varint of at most 32 bits.
    package mutating func varint() throws(ByteReadError) -> Int32 {
        let raw = try unsignedVarint()
        return Int32(bitPattern: raw >> 1) ^ -Int32(bitPattern: raw & 1)
    }

    /// A zig-zag varint of at most 64 bits.
    package mutating func varlong() throws(ByteReadError) -> Int64 {
        let raw = try varint(bytesMax: 10)
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    private mutating func varint(bytesMax: Int) throws(ByteReadError) -> UInt64 {
        let start = position
        var result: UInt64 = 0
        var shift: UInt64 = 0
        for _ in 0..<bytesMax {
            let byte = UInt64(try uint8())
            // The tenth byte of a 64-bit varint has room for one bit only.
            if shift == 63 && byte > 1 { throw .varintTooLong(position: start) }
            result |= (byte & 0x7F) << shift
            if byte & 0x80 == 0 { return result }
            shift += 7
        }
        throw .varintTooLong(position: start)
    }
}
