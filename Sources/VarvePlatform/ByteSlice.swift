internal import Glibc

/// Memory that one owner fills and many then read: a frame off a socket, batches off a disk.
package final class ByteStorage: @unchecked Sendable {
    // SAFETY: the bytes are written only by the one owner (ByteWriter, or a `ByteSlice(filling:)`
    // body) before the storage is shared; after that they are never changed.
    @usableFromInline let base: UnsafeMutableRawPointer
    @usableFromInline let capacity: Int

    @usableFromInline init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(byteCount: max(capacity, 1), alignment: 16)
    }

    deinit { base.deallocate() }
}

/// An immutable run of bytes; copies and sub-slices share the same memory and keep it alive.
package struct ByteSlice: Sendable {
    @usableFromInline let storage: ByteStorage?
    @usableFromInline let start: Int
    /// The number of bytes.
    package let count: Int

    @usableFromInline init(storage: ByteStorage?, start: Int, count: Int) {
        self.storage = storage
        self.start = start
        self.count = count
    }

    /// No bytes.
    package init() { self.init(storage: nil, start: 0, count: 0) }

    package init(copying bytes: UnsafeRawBufferPointer) {
        self.init(filling: bytes.count) { $0.copyMemory(from: bytes); return bytes.count }
    }

    package init(_ bytes: some Collection<UInt8>) {
        self.init(filling: bytes.count) { buffer in
            buffer.copyBytes(from: bytes)
            return bytes.count
        }
    }

    /// The UTF-8 of `text`.
    package init(_ text: String) { self.init(text.utf8) }

    /// Memory of `capacity` bytes that `body` fills; it returns how many of them it used.
    package init<Failure: Error>(
        filling capacity: Int,
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        let storage = ByteStorage(capacity: capacity)
        let count = try body(
            UnsafeMutableRawBufferPointer(start: storage.base, count: capacity))
        precondition(count >= 0 && count <= capacity)
        self.init(storage: storage, start: 0, count: count)
    }

    package var isEmpty: Bool { count == 0 }

    /// The bytes in `range` (from 0), sharing memory. Traps when it reaches outside.
    @inlinable package subscript(range: Range<Int>) -> ByteSlice {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "slice out of bounds")
        return ByteSlice(storage: storage, start: start + range.lowerBound, count: range.count)
    }

    package subscript(range: some RangeExpression<Int>) -> ByteSlice {
        self[range.relative(to: 0..<count)]
    }

    @inlinable package subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < count, "index out of bounds")
        return storage!.base.load(fromByteOffset: start + index, as: UInt8.self)
    }

    /// Gives `body` the bytes; the pointer is good only inside it.
    @inlinable package func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard let storage else { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        return try withExtendedLifetime(storage) { () throws(Failure) -> Result in
            try body(UnsafeRawBufferPointer(start: storage.base + start, count: count))
        }
    }

    /// A copy in memory of its own, so that a small piece does not keep a large frame alive.
    package func detached() -> ByteSlice { withUnsafeBytes { ByteSlice(copying: $0) } }

    package var array: [UInt8] { withUnsafeBytes { Array($0) } }

    /// The bytes as UTF-8; invalid sequences become U+FFFD.
    package var string: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }

    /// The bytes as UTF-8, or nil when they are not.
    package var validString: String? {
        withUnsafeBytes { String(validating: $0.bindMemory(to: UInt8.self), as: UTF8.self) }
    }
}

extension ByteSlice: Hashable {
    package static func == (left: ByteSlice, right: ByteSlice) -> Bool {
        guard left.count == right.count else { return false }
        if left.count == 0 { return true }
        return left.withUnsafeBytes { a in
            right.withUnsafeBytes { b in
                memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0
            }
        }
    }

    package func hash(into hasher: inout Hasher) {
        withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

extension ByteSlice: ExpressibleByStringLiteral, CustomStringConvertible {
    package init(stringLiteral value: StaticString) {
        self = value.withUTF8Buffer { ByteSlice(copying: UnsafeRawBufferPointer($0)) }
    }

    package var description: String { validString ?? "\(count) bytes" }
}
