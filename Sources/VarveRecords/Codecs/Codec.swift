package import VarvePlatform

extension CompressionCodec {
    /// Kafka's name, as in `compression.type`.
    package var name: String {
        switch self {
        case .none: "none"
        case .gzip: "gzip"
        case .snappy: "snappy"
        case .lz4: "lz4"
        case .zstd: "zstd"
        }
    }

    /// Nil for a name that is not Kafka's.
    package init?(name: String) {
        guard let codec = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = codec
    }

    /// Whether this build can compress and decompress with the codec.
    package var isBuiltIn: Bool {
        switch self {
        case .none, .lz4: return true
        case .gzip:
            #if VARVE_GZIP
                return true
            #else
                return false
            #endif
        case .snappy:
            #if VARVE_SNAPPY
                return true
            #else
                return false
            #endif
        case .zstd:
            #if VARVE_ZSTD
                return true
            #else
                return false
            #endif
        }
    }

    /// `bytes` in the framing that Kafka's Java client writes for this codec.
    /// - Parameter level: Kafka's `compression.gzip.level` (-1, 1 to 9), `compression.lz4.level`
    ///   (1 to 17) or `compression.zstd.level` (-131072 to 22); nil is the codec's default.
    /// - Throws: `.codecNotBuilt`; `.badCompression` when the library refuses (out of memory).
    package func compress(
        _ bytes: ByteSlice, level: Int32? = nil
    ) throws(RecordError) -> ByteSlice {
        switch self {
        case .none: return bytes
        case .lz4: return try LZ4Frame.compress(bytes, level: level)
        case .gzip:
            #if VARVE_GZIP
                return try Gzip.compress(bytes, level: level)
            #else
                throw .codecNotBuilt(self, trait: "Gzip")
            #endif
        case .snappy:
            #if VARVE_SNAPPY
                return try Snappy.compress(bytes)
            #else
                throw .codecNotBuilt(self, trait: "Snappy")
            #endif
        case .zstd:
            #if VARVE_ZSTD
                return try Zstd.compress(bytes, level: level)
            #else
                throw .codecNotBuilt(self, trait: "Zstd")
            #endif
        }
    }

    /// What was compressed, in memory of its own (for `none`: the same memory).
    /// - Parameter bytesMax: never more than so many bytes come out, and not many more are
    ///   reserved on the way, whatever the input claims (I8).
    /// - Throws: `.decompressedTooLarge`, `.badCompression`, `.codecNotBuilt`.
    package func decompress(
        _ bytes: ByteSlice, bytesMax: Int
    ) throws(RecordError) -> ByteSlice {
        switch self {
        case .none:
            guard bytes.count <= bytesMax else { throw .decompressedTooLarge(bytesMax: bytesMax) }
            return bytes
        case .lz4: return try LZ4Frame.decompress(bytes, bytesMax: bytesMax)
        case .gzip:
            #if VARVE_GZIP
                return try Gzip.decompress(bytes, bytesMax: bytesMax)
            #else
                throw .codecNotBuilt(self, trait: "Gzip")
            #endif
        case .snappy:
            #if VARVE_SNAPPY
                return try Snappy.decompress(bytes, bytesMax: bytesMax)
            #else
                throw .codecNotBuilt(self, trait: "Snappy")
            #endif
        case .zstd:
            #if VARVE_ZSTD
                return try Zstd.decompress(bytes, bytesMax: bytesMax)
            #else
                throw .codecNotBuilt(self, trait: "Zstd")
            #endif
        }
    }
}

/// Where a streaming decompressor puts what comes out: grows by doubling, up to a bound.
struct DecompressionOutput {
    private var writer: ByteWriter
    private let bytesMax: Int

    /// - Parameter expected: what may come out, where the input tells; else 0. It is believed to
    ///   thirty times the input.
    init(compressedBytes: Int, expected: Int = 0, bytesMax: Int) {
        self.bytesMax = bytesMax
        let first = max(compressedBytes * 4, min(expected, compressedBytes * 30), 1024)
        writer = ByteWriter(capacity: min(first, bytesMax) + 1)
    }

    /// Gives `body` room; it returns how many bytes it wrote there. One byte more than the bound
    /// fits, so that the one who writes it is found out.
    mutating func append(
        _ body: (UnsafeMutableRawBufferPointer) throws(RecordError) -> Int
    ) throws(RecordError) {
        let free = writer.capacity - writer.count
        let room = min(max(free, 16 << 10), bytesMax + 1 - writer.count)
        try writer.append(upTo: room, body)
        guard writer.count <= bytesMax else { throw .decompressedTooLarge(bytesMax: bytesMax) }
    }

    mutating func finish() -> ByteSlice { writer.finish() }
}
