package import VarvePlatform
package import VarveRecords

/// Compression of request bodies.
package enum GzipBody {
    /// Whether this build has gzip (the trait Gzip).
    package static var isBuiltIn: Bool { CompressionCodec.gzip.isBuiltIn }

    /// `body` as a gzip stream (RFC 1952).
    package static func compress(_ body: ByteSlice) throws(RecordError) -> ByteSlice {
        try CompressionCodec.gzip.compress(body)
    }
}
