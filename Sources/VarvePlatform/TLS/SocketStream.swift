/// A TCP connection's bytes, plain or inside TLS. Closed when its owner lets it go.
///
/// Non-blocking, for one thread at a time, like the socket inside.
package struct SocketStream: ~Copyable, Sendable {
    package let socket: Socket
    private var session: TLSSession?
    /// A server's session is made with the client's first byte: who says nothing costs no memory.
    private var pending: TLSContext?

    /// - Parameter tls: the context of the TLS server that this side is; nil for plain bytes.
    package init(_ socket: consuming Socket, serving tls: TLSContext? = nil) {
        self.socket = socket
        session = nil
        pending = tls
    }

    private init(_ socket: consuming Socket, _ session: TLSSession) {
        self.socket = socket
        self.session = session
        pending = nil
    }

    /// Connects to `endpoint` and, where `tls` is given, makes the handshake, all within
    /// `timeoutMilliseconds`. Blocks the calling thread.
    /// - Throws: `.io` for the connection, `.handshake` where the two do not come to terms.
    package static func connect(
        _ endpoint: Endpoint, tls: TLSContext?, timeoutMilliseconds: Int32
    ) throws(TLSError) -> SocketStream {
        let clock = SystemClock()
        let deadline = clock.monotonicMilliseconds() + Int64(timeoutMilliseconds)
        let socket: Socket
        do throws(SystemError) {
            socket = try Socket.connect(endpoint, timeoutMilliseconds: timeoutMilliseconds)
        } catch {
            throw .io(error)
        }
        guard let tls else { return SocketStream(socket) }
        let session = try TLSSession(
            tls, descriptor: socket.descriptor, peer: "\(endpoint)", host: endpoint.host)
        while let wanted = try session.handshake() {
            let left = Int32(clamping: deadline - clock.monotonicMilliseconds())
            guard left > 0, try socket.wait(for: wanted, timeoutMilliseconds: left) else {
                throw .io(.timedOut("TLS handshake", "\(endpoint)"))
            }
        }
        return SocketStream(socket, session)
    }

    package var descriptor: Int32 { socket.descriptor }

    /// Whether the bytes go through TLS.
    package var isSecure: Bool { session != nil || pending != nil }

    /// Whether application bytes can flow: always for plain ones, after the handshake for TLS.
    package var isEstablished: Bool { pending == nil && session?.isEstablished ?? true }

    /// Protocol, cipher and the peer's certificate; empty for plain bytes.
    package var summary: String { session?.summary ?? "" }

    /// Whose certificate the peer has shown and this side has verified, as `X500Principal.getName`
    /// writes it in Java; nil for plain bytes, and where it has shown none. After the handshake.
    package var peerSubject: String? { session?.peerSubject }

    /// Goes on with the handshake. Nil: it is done, or there is none. Otherwise what it waits for.
    /// - Throws: `.handshake` or `.io`; the connection is over.
    package mutating func handshake() throws(TLSError) -> Poller.Interest? {
        if let context = pending {
            session = try TLSSession(
                context, descriptor: socket.descriptor, peer: socket.peer, host: nil)
            pending = nil
        }
        return try session?.handshake()
    }

    /// Reads what is there, at most `buffer.count` bytes. 0 means that the peer sent its last
    /// byte; nil that nothing is there yet.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> Int? {
        if let session { return try session.read(into: buffer) }
        do throws(SystemError) { return try socket.read(into: buffer) } catch { throw .io(error) }
    }

    /// Sends what fits now of `pieces`, from `offset` bytes into the first of them. Returns the
    /// bytes taken; after 0 the same bytes have to come again.
    package func write(
        _ pieces: some Collection<ByteSlice>, from offset: Int
    ) throws(TLSError) -> Int {
        if let session { return try session.write(pieces, from: offset) }
        do throws(SystemError) { return try socket.write(pieces, from: offset) } catch {
            throw .io(error)
        }
    }

    /// What to watch the socket for, to go on with what the owner wants: within TLS reading may
    /// wait for the socket to take bytes, and writing for the peer's. What would be reported again
    /// and again without anything to be done about it is not watched for.
    package func interest(reading: Bool, writing: Bool) -> Poller.Interest {
        var interest: Poller.Interest = []
        if reading { interest.insert(session?.readWaitsForWrite == true ? .write : .read) }
        if writing { interest.insert(session?.writeWaitsForRead == true ? .read : .write) }
        return interest
    }

    /// What a readiness of the socket lets the owner go on with.
    package func progress(readable: Bool, writable: Bool) -> (read: Bool, write: Bool) {
        guard let session else { return (readable, writable) }
        return (
            readable || writable && session.readWaitsForWrite,
            writable || readable && session.writeWaitsForRead
        )
    }

    /// Waits until the socket is ready for `interest` (or has ended); false after `milliseconds`.
    /// Blocks the calling thread.
    package func wait(
        for interest: Poller.Interest, milliseconds: Int32
    ) throws(TLSError) -> Bool {
        try socket.wait(for: interest, timeoutMilliseconds: milliseconds)
    }

    /// Whether bytes may wait inside, of which the poller knows nothing: read once more.
    package var mayHaveMore: Bool { session?.mayHaveMore ?? false }

    /// Says farewell, where TLS has one for it, and ends both directions.
    package func close() {
        session?.close()
        socket.shutdown()
    }
}

extension Socket {
    /// Waits until the socket is ready for `interest` (or has ended); false after
    /// `timeoutMilliseconds`.
    func wait(
        for interest: Poller.Interest, timeoutMilliseconds: Int32
    ) throws(TLSError) -> Bool {
        do throws(SystemError) {
            switch interest {
            case .write: return try waitWritable(timeoutMilliseconds: timeoutMilliseconds)
            case .read: return try waitReadable(timeoutMilliseconds: timeoutMilliseconds)
            default:
                return try waitReadableOrWritable(timeoutMilliseconds: timeoutMilliseconds)
            }
        } catch {
            throw .io(error)
        }
    }
}
