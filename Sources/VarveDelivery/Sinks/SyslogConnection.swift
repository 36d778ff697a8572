internal import VarvePlatform

/// One TCP connection to a syslog receiver, made when needed. One thread at a time.
final class SyslogConnection {
    private let endpoint: Endpoint
    private let timeoutMilliseconds: Int
    private var socket: Connected?

    /// A socket in a box: optional stored properties cannot hold a noncopyable value in a class
    /// that is passed around.
    private final class Connected {
        let socket: Socket
        init(_ socket: consuming Socket) { self.socket = socket }
    }

    init(_ endpoint: Endpoint, timeoutMilliseconds: Int) {
        self.endpoint = endpoint
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    func close() { socket = nil }

    /// Sends all of `bytes` and waits until the receiver's machine has them.
    /// - Throws: when that did not come about in time; the connection is then given up, and any
    ///   part of the bytes may have arrived.
    func send(_ bytes: ByteSlice) throws(SystemError) {
        do throws(SystemError) {
            try transfer(bytes)
        } catch {
            socket = nil
            throw error
        }
    }

    private func transfer(_ bytes: ByteSlice) throws(SystemError) {
        let connected: Connected
        // A receiver that restarted has closed its end while the connection was idle. What is
        // written into it is lost without an error, so that is looked at first.
        if let existing = socket, try !existing.socket.hasEnded() {
            connected = existing
        } else {
            connected = Connected(
                try Socket.connect(endpoint, timeoutMilliseconds: Int32(timeoutMilliseconds)))
            connected.socket.setKeepAlive()
            socket = connected
        }
        let clock = SystemClock()
        let deadline = clock.monotonicMilliseconds() + Int64(timeoutMilliseconds)
        var sent = 0
        while sent < bytes.count {
            let count = try connected.socket.write([bytes[sent..<bytes.count]], from: 0)
            sent += count
            if count == 0 {
                let left = deadline - clock.monotonicMilliseconds()
                guard left > 0,
                    try connected.socket.waitWritable(timeoutMilliseconds: Int32(clamping: left))
                else { throw timedOut("sending") }
            }
        }
        // The kernel took the bytes; whether the receiver's did, its acknowledgements say.
        var pause: Int32 = 1
        while try connected.socket.unacknowledgedBytes() > 0 {
            guard clock.monotonicMilliseconds() < deadline else {
                throw timedOut("waiting for the receiver's machine")
            }
            if try connected.socket.waitReadable(timeoutMilliseconds: pause),
                try connected.socket.hasEnded()
            {
                throw ended()
            }
            pause = min(pause * 2, 50)
        }
        if try connected.socket.hasEnded() { throw ended() }
    }

    private func timedOut(_ what: String) -> SystemError {
        SystemError(call: what, errno: SystemError.etimedout, subject: "\(endpoint)")
    }

    private func ended() -> SystemError {
        SystemError(call: "send", errno: SystemError.econnreset, subject: "\(endpoint)")
    }
}

extension Socket {
    /// Whether the peer has closed its end. Syslog receivers send nothing; what one sends all the
    /// same is read and passed over.
    fileprivate func hasEnded() throws(SystemError) -> Bool {
        while true {
            var count: Int?
            let bytes = try ByteSlice(filling: 512) { (buffer) throws(SystemError) in
                count = try read(into: buffer)
                return count ?? 0
            }
            guard count != nil else { return false }
            if bytes.isEmpty { return true }
        }
    }
}
