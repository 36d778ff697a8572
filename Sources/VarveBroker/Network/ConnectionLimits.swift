/// What one connection may take of the broker (I8). Times in milliseconds.
struct ConnectionLimits: Sendable {
    /// The longest request, without its length prefix: `socket.request.max.bytes`.
    var frameBytesMax = 100 << 20
    /// Close a connection on which nothing happened for so long: `connections.max.idle.ms`.
    var idleMillisecondsMax: Int64 = 600_000
    /// A request that has begun has so long to arrive whole, and longer by the time that what has
    /// come takes at `requestBytesPerSecondMin`: a slow line passes, one byte a minute does not.
    var requestMilliseconds: Int64 = 30_000
    var requestBytesPerSecondMin: Int64 = 16 << 10
    /// A TLS handshake has so long (`varve.ssl.handshake.ms`).
    var handshakeMilliseconds: Int64 = 10_000
    /// Close a connection that took none of its responses' bytes for so long.
    var stalledMilliseconds: Int64 = 30_000
    /// After the peer's last byte, answers under way have so long to leave.
    var lingerMilliseconds: Int64 = 10_000
    /// Requests of one connection that wait for their answer. At this many its reads pause.
    /// librdkafka pipelines without a bound of its own, and a group commit gathers what waits: of
    /// small batches to 1 000 partitions 2 048 at a time let it take a fifth more than 256.
    var requestsInFlightMax = 2048
    /// So many of them each connection has for itself.
    var requestsInFlightUnshared = 256
    /// The most beyond those of all connections together, each about 3 KB. Without room there, a
    /// connection's reads pause until it is back to its own.
    var requestsInFlightSharedMax = 16_384
    /// Answered bytes that the peer has not taken. At this many the connection's reads pause.
    var unsentBytesMax = 1 << 20
    /// Larger requests count against the memory that all connections share while they arrive.
    var frameBytesUnshared = FrameAssembler.firstCapacity

    init() {}

    init(_ settings: BrokerSettings) {
        frameBytesMax = settings.int("socket.request.max.bytes")
        idleMillisecondsMax = settings.integer("connections.max.idle.ms")
        handshakeMilliseconds = settings.integer("varve.ssl.handshake.ms")
    }
}
