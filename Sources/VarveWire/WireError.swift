package import VarvePlatform

/// Why bytes are not the message they should be, or a message cannot become bytes.
///
/// All positions count from the first byte after the frame's length.
package enum WireError: Error, Equatable, Sendable {
    /// The bytes end early, or a number in them is not well formed.
    case malformed(ByteReadError)
    /// No API has this key.
    case unknownApi(key: Int16)
    /// The API is known, this version of it is not in `ApiKey.supported`.
    case unsupportedVersion(ApiKey, version: Int16)
    /// An array says it has `count` elements, and the `remaining` bytes cannot hold them.
    case badArrayCount(position: Int, count: Int64, remaining: Int)
    /// Null stands where the version has no null.
    case unexpectedNull(position: Int)
    /// The tags of a struct are not in ascending order, or one's value has another size than said.
    case badTag(position: Int, tag: UInt32)
    /// The values of the frame would take more than `bytesMax` bytes of memory (I8).
    case structureTooLarge(bytesMax: Int)
    /// A string or byte run that the version cannot carry: it counts at most `bytesMax`.
    case valueTooLong(bytes: Int, bytesMax: Int)
    /// A frame counts at most 2^31-1 bytes.
    case frameTooLong(bytes: Int)
    /// The bytes read as the format, but the value contradicts it; the text says how.
    case invalid(String)
}
