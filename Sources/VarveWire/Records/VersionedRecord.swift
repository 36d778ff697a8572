package import VarvePlatform

/// Bytes that say their own version in their first two bytes: what Kafka embeds in other
/// messages or keeps in its internal topics.
package protocol VersionedRecord: WireMessage {
    /// The versions that this module codes.
    static var versions: ClosedRange<Int16> { get }
    /// What `encoded` writes when it is not told.
    static var versionWritten: Int16 { get }
    /// The first version in the compact form (KIP-482); nil where none is.
    static var flexibleSince: Int16? { get }
    /// Newer versions only add fields at the end, so they are read as the newest one known.
    static var newerVersionsExtend: Bool { get }
}

extension VersionedRecord {
    package static var flexibleSince: Int16? { nil }
    package static var newerVersionsExtend: Bool { false }

    /// Reads a whole value; what it holds shares the memory of `bytes`.
    /// - Throws: `.invalid` for a version that is not known, else what is wrong with the bytes.
    package static func decode(_ bytes: ByteSlice) throws(WireError) -> Self {
        var head = WireDecoder(bytes, version: 0, isFlexible: false)
        var version: Int16 = 0
        try head.int16(&version)
        if newerVersionsExtend { version = min(version, versions.upperBound) }
        guard versions.contains(version) else {
            throw .invalid("\(Self.self) of version \(version), not \(versions)")
        }
        var decoder = WireDecoder(
            bytes, at: head.position, version: version, isFlexible: isFlexible(version))
        var value = Self()
        try value.decode(&decoder)
        return value
    }

    /// The value's bytes, the version before it. Fields that the version has not are left out.
    /// - Throws: `.valueTooLong` where a string or byte run does not fit the version.
    package func encoded(version: Int16 = versionWritten) throws(WireError) -> ByteSlice {
        precondition(Self.versions.contains(version), "a version that this module cannot write")
        var encoder = WireEncoder(version: version, isFlexible: Self.isFlexible(version))
        var head = version
        try encoder.int16(&head)
        var value = self
        try value.encode(&encoder)
        return encoder.finish()
    }

    private static func isFlexible(_ version: Int16) -> Bool {
        flexibleSince.map { version >= $0 } ?? false
    }
}
