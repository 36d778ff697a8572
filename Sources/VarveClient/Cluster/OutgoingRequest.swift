internal import VarvePlatform
internal import VarveWire

/// A request on its way to a connection, before its version is known.
struct OutgoingRequest: Sendable {
    let api: ApiKey
    /// The caller's own limit; the connection takes the highest version that it, the broker and
    /// this build have.
    let versionMax: Int16
    /// Monotonic milliseconds after which nobody waits for the answer.
    let deadline: Int64
    /// False for Produce with acks=0, which completes with an empty frame once it was written.
    let expectsResponse: Bool
    let encode: @Sendable (_ version: Int16, _ correlationID: Int32) throws(WireError) -> ByteSlice
    /// Called once, on the I/O thread: it must be quick.
    let complete: @Sendable (Result<ResponseFrame, ClientError>) -> Void
}

/// A response as it came, still to be decoded.
struct ResponseFrame: Sendable {
    let version: Int16
    /// The bytes after the length.
    let frame: ByteSlice
}

/// Connections to one broker that must not wait for each other: a broker answers each connection
/// in request order, so a long poll or a join would hold up everything behind it.
struct Lane: Hashable, Sendable {
    private let number: UInt64

    /// For requests that are answered at once: metadata, offsets, heartbeats, admin.
    static let shared = Lane(number: 0)

    private static let last = Lock<UInt64>(0)

    /// A lane of its own, for one producer or one consumer's fetches.
    static func unique() -> Lane {
        Lane(
            number: last.withLock {
                $0 += 1
                return $0
            })
    }
}

/// Which connection.
struct ConnectionKey: Hashable, Sendable {
    let endpoint: Endpoint
    let lane: Lane
}
