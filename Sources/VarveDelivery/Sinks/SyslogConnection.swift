internal import VarvePlatform

/// One connection to a syslog receiver, over TCP or TLS, made when needed. One thread at a time.
final class SyslogConnection {
    private let endpoint: Endpoint
    private let tls: TLSSettings?
    /// Made with the first connection, and looked at again for each.
    private var identity: TLSIdentity?
    private let timeoutMilliseconds: Int
    private var connected: Connected?

    /// A stream in a box: optional stored properties cannot hold a noncopyable value in a class
    /// that is passed around.
    private final class Connected {
        let stream: SocketStream
        init(_ stream: consuming SocketStream) { self.stream = stream }
    }

    /// - Parameter tls: what TLS is made from; nil for plain TCP.
    init(_ endpoint: Endpoint, tls: TLSSettings? = nil, timeoutMilliseconds: Int) {
        self.endpoint = endpoint
        self.tls = tls
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    func close() {
        connected?.stream.close()
        connected = nil
    }

    /// Sends all of `bytes` and waits until the receiver's machine has them.
    /// - Throws: when that did not come about in time; the connection is then given up, and any
    ///   part of the bytes may have arrived.
    func send(_ bytes: ByteSlice) throws(TLSError) {
        do throws(TLSError) {
            try transfer(bytes)
        } catch {
            connected = nil
            throw error
        }
    }

    private func context() throws(TLSError) -> TLSContext? {
        guard let tls else { return nil }
        if let identity { return identity.renewed() }
        let identity = try TLSIdentity(tls, isServer: false)
        self.identity = identity
        return identity.context
    }

    private func connect() throws(TLSError) -> Connected {
        let made = Connected(
            try SocketStream.connect(
                endpoint, tls: try context(),
                timeoutMilliseconds: Int32(timeoutMilliseconds)))
        made.stream.socket.setKeepAlive()
        return made
    }

    private func transfer(_ bytes: ByteSlice) throws(TLSError) {
        let current: Connected
        // A receiver that restarted has closed its end while the connection was idle. What is
        // written into it is lost without an error, so that is looked at first.
        if let existing = connected, try !existing.stream.hasEnded() {
            current = existing
        } else {
            connected = nil
            current = try connect()
            connected = current
        }
        let clock = SystemClock()
        let deadline = clock.monotonicMilliseconds() + Int64(timeoutMilliseconds)
        var sent = 0
        while sent < bytes.count {
            let count = try current.stream.write([bytes[sent..<bytes.count]], from: 0)
            sent += count
            if count == 0 {
                let left = deadline - clock.monotonicMilliseconds()
                guard left > 0,
                    try current.stream.waitToWrite(milliseconds: Int32(clamping: left))
                else { throw timedOut("sending") }
            }
        }
        // The kernel took the bytes; whether the receiver's did, its acknowledgements say.
        var pause: Int32 = 1
        while try current.stream.unacknowledgedBytes() > 0 {
            guard clock.monotonicMilliseconds() < deadline else {
                throw timedOut("waiting for the receiver's machine")
            }
            if try current.stream.waitToRead(milliseconds: pause), try current.stream.hasEnded() {
                throw ended()
            }
            pause = min(pause * 2, 50)
        }
        if try current.stream.hasEnded() { throw ended() }
    }

    private func timedOut(_ what: String) -> TLSError {
        .io(SystemError(call: what, errno: SystemError.etimedout, subject: "\(endpoint)"))
    }

    private func ended() -> TLSError {
        .io(SystemError(call: "send", errno: SystemError.econnreset, subject: "\(endpoint)"))
    }
}

extension SocketStream {
    /// Whether the peer has closed its end. Syslog receivers send nothing; what one sends all the
    /// same is read and passed over.
    fileprivate func hasEnded() throws(TLSError) -> Bool {
        while true {
            var count: Int?
            let bytes = try ByteSlice(filling: 512) { (buffer) throws(TLSError) in
                count = try read(into: buffer)
                return count ?? 0
            }
            guard count != nil else { return false }
            if bytes.isEmpty { return true }
        }
    }

    /// Sent bytes that the receiver's machine has not acknowledged; within TLS they are more than
    /// what was given to be sent, and all of them count.
    fileprivate func unacknowledgedBytes() throws(TLSError) -> Int {
        do throws(SystemError) { return try socket.unacknowledgedBytes() } catch {
            throw .io(error)
        }
    }

    /// Waits until a write may go on; false after `milliseconds`.
    fileprivate func waitToWrite(milliseconds: Int32) throws(TLSError) -> Bool {
        try wait(for: interest(reading: false, writing: true), milliseconds: milliseconds)
    }

    /// Waits until something can be read, the end included; false after `milliseconds`.
    fileprivate func waitToRead(milliseconds: Int32) throws(TLSError) -> Bool {
        try wait(for: .read, milliseconds: milliseconds)
    }
}
