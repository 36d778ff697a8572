internal import CVarvePlatform
internal import Glibc

/// A host name or address and a TCP port, as in `127.0.0.1:9092` or `[::1]:9092`.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    package var host: String
    /// 0 to 65535; 0 lets the system choose when listening.
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port`; nil when there is no port, it is no number, or the host is empty.
    package init?(_ text: String, defaultPort: Int? = nil) {
        let parts: (host: Substring, port: Substring?)
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else { return nil }
            parts = (
                text[text.index(after: text.startIndex)..<end],
                rest.isEmpty ? nil : rest.dropFirst()
            )
        } else if let colon = text.lastIndex(of: ":") {
            parts = (text[..<colon], text[text.index(after: colon)...])
            if parts.host.contains(":") { return nil }
        } else {
            parts = (text[...], nil)
        }
        guard !parts.host.isEmpty else { return nil }
        if let portText = parts.port {
            guard let port = Int(portText), (0...65535).contains(port) else { return nil }
            self.init(host: String(parts.host), port: port)
        } else if let defaultPort {
            self.init(host: String(parts.host), port: defaultPort)
        } else {
            return nil
        }
    }

    package var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}

/// A TCP socket, closed when its owner lets it go. IPv4 and IPv6.
///
/// SIGPIPE never comes from here: every send says MSG_NOSIGNAL.
package struct Socket: ~Copyable, Sendable {
    /// For `Poller`; good while this value lives.
    package let descriptor: Int32
    private let name: String

    private init(descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    deinit { close(descriptor) }

    /// Listens on `endpoint`, non-blocking, SO_REUSEADDR.
    package static func listen(
        _ endpoint: Endpoint, backlog: Int32 = 1024
    ) throws(SystemError) -> Socket {
        try first(endpoint, passive: true) { (address) throws(SystemError) in
            let socket = try make(address, endpoint)
            socket.set(SOL_SOCKET, SO_REUSEADDR, 1)
            guard bind(socket.descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0
            else { throw .last("bind", "\(endpoint)") }
            guard Glibc.listen(socket.descriptor, backlog) == 0 else {
                throw .last("listen", "\(endpoint)")
            }
            return socket
        }
    }

    /// Connects to `endpoint` within `timeoutMilliseconds`, trying each of its addresses in turn.
    /// The socket comes back non-blocking with TCP_NODELAY set. Blocks the calling thread.
    package static func connect(
        _ endpoint: Endpoint, timeoutMilliseconds: Int32
    ) throws(SystemError) -> Socket {
        try first(endpoint, passive: false) { (address) throws(SystemError) in
            let socket = try make(address, endpoint)
            let code = Glibc.connect(
                socket.descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen)
            if code != 0 {
                guard Glibc.errno == EINPROGRESS else { throw .last("connect", "\(endpoint)") }
                guard
                    try socket.wait(
                        events: Int16(POLLOUT), timeoutMilliseconds: timeoutMilliseconds)
                else {
                    throw SystemError(
                        call: "connect", errno: ETIMEDOUT, subject: "\(endpoint)")
                }
                var pending: Int32 = 0
                var size = socklen_t(MemoryLayout<Int32>.size)
                getsockopt(socket.descriptor, SOL_SOCKET, SO_ERROR, &pending, &size)
                guard pending == 0 else {
                    throw SystemError(call: "connect", errno: pending, subject: "\(endpoint)")
                }
            }
            socket.setNoDelay()
            return socket
        }
    }

    /// The next waiting connection, non-blocking with TCP_NODELAY set; nil when none waits.
    /// EMFILE and ENFILE are thrown: the caller has to shed load, the connection stays queued.
    package func accept() throws(SystemError) -> Socket? {
        while true {
            let descriptor = Glibc.accept(self.descriptor, nil, nil)
            if descriptor >= 0 {
                let flags = fcntl(descriptor, F_GETFL, 0)
                _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                let socket = Socket(
                    descriptor: descriptor, name: Self.numericName(descriptor, getpeername))
                socket.setNoDelay()
                return socket
            }
            switch Glibc.errno {
            case EAGAIN, EWOULDBLOCK: return nil
            // The peer went away while queued, or the network did (accept(2), "Error handling").
            case EINTR, ECONNABORTED, EPROTO, ENETDOWN, EHOSTDOWN, EHOSTUNREACH, ENETUNREACH:
                continue
            default: throw .last("accept", name)
            }
        }
    }

    /// Reads what is there, at most `buffer.count` bytes. 0 means the peer sent its last byte;
    /// nil means nothing is there yet.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int? {
        let count = retryingInterrupts { recv(descriptor, buffer.baseAddress, buffer.count, 0) }
        if count >= 0 { return count }
        if Glibc.errno == EAGAIN || Glibc.errno == EWOULDBLOCK { return nil }
        throw failure("recv")
    }

    /// Sends what fits now of `pieces` in one call, from `offset` bytes into the first of them.
    /// Returns the bytes taken, which may be 0 when the socket's buffer is full.
    /// At most 64 pieces go in one call.
    package func write(
        _ pieces: some Collection<ByteSlice>, from offset: Int
    ) throws(SystemError) -> Int {
        let batch = Array(pieces.prefix(64))
        return try withExtendedLifetime(batch) { () throws(SystemError) -> Int in
            var vectors: [iovec] = []
            vectors.reserveCapacity(batch.count)
            for (index, piece) in batch.enumerated() {
                let skipped = index == 0 ? offset : 0
                piece.withUnsafeBytes { bytes in
                    guard bytes.count > skipped else { return }
                    vectors.append(
                        iovec(
                            iov_base: UnsafeMutableRawPointer(
                                mutating: bytes.baseAddress! + skipped),
                            iov_len: bytes.count - skipped))
                }
            }
            if vectors.isEmpty { return 0 }
            let count = vectors.withUnsafeMutableBufferPointer { vectors in
                var message = msghdr()
                message.msg_iov = vectors.baseAddress
                message.msg_iovlen = vectors.count
                return retryingInterrupts {
                    sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
                }
            }
            if count >= 0 { return count }
            if Glibc.errno == EAGAIN || Glibc.errno == EWOULDBLOCK { return 0 }
            throw failure("sendmsg")
        }
    }

    /// Waits until the socket can be read (or has ended); false after `timeoutMilliseconds`.
    package func waitReadable(timeoutMilliseconds: Int32) throws(SystemError) -> Bool {
        try wait(events: Int16(POLLIN), timeoutMilliseconds: timeoutMilliseconds)
    }

    /// Waits until the socket takes bytes (or has ended); false after `timeoutMilliseconds`.
    package func waitWritable(timeoutMilliseconds: Int32) throws(SystemError) -> Bool {
        try wait(events: Int16(POLLOUT), timeoutMilliseconds: timeoutMilliseconds)
    }

    /// Waits until the socket can be read or takes bytes (or has ended); false after
    /// `timeoutMilliseconds`.
    package func waitReadableOrWritable(
        timeoutMilliseconds: Int32
    ) throws(SystemError) -> Bool {
        try wait(events: Int16(POLLIN | POLLOUT), timeoutMilliseconds: timeoutMilliseconds)
    }

    /// Sent bytes that the peer's machine has not acknowledged yet (tcp(7), SIOCOUTQ).
    package func unacknowledgedBytes() throws(SystemError) -> Int {
        let count = varve_unacknowledged(descriptor)
        if count < 0 { throw failure("ioctl(SIOCOUTQ)") }
        return Int(count)
    }

    /// Ends both directions; a thread or poller waiting on the socket wakes.
    package func shutdown() {
        Glibc.shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// Sends each write at once instead of waiting to fill a segment (tcp(7), TCP_NODELAY).
    package func setNoDelay() { set(Int32(IPPROTO_TCP), TCP_NODELAY, 1) }

    /// Probes an idle peer, so that a vanished one is found (tcp(7), SO_KEEPALIVE).
    package func setKeepAlive() { set(SOL_SOCKET, SO_KEEPALIVE, 1) }

    /// The port this socket is bound to, for listeners on port 0.
    package var localPort: Int {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = getsockname(descriptor, address, &size)
            }
            return storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                // The port stands at the same place in sockaddr_in and sockaddr_in6.
                Int(UInt16(bigEndian: $0.pointee.sin_port))
            }
        }
    }

    /// This end's numeric address without its port: where the peer reached this machine.
    package var localHost: String { Self.numericName(descriptor, getsockname) }

    /// The peer's numeric address without its port; "unknown" when it has gone.
    package var peer: String { name }

    // MARK: - Private

    private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private func wait(events: Int16, timeoutMilliseconds: Int32) throws(SystemError) -> Bool {
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        let count = retryingInterrupts { poll(&entry, 1, timeoutMilliseconds) }
        if count < 0 { throw failure("poll") }
        return count > 0
    }

    private func failure(_ call: String) -> SystemError {
        let error = SystemError.last(call, name)
        trapOnProgrammerError(error)
        return error
    }

    private static func make(
        _ address: UnsafePointer<addrinfo>, _ endpoint: Endpoint
    ) throws(SystemError) -> Socket {
        let descriptor = socket(
            address.pointee.ai_family,
            Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .last("socket", "\(endpoint)") }
        return Socket(descriptor: descriptor, name: "\(endpoint)")
    }

    /// Runs `body` on each address of `endpoint` until one succeeds; throws the last error.
    private static func first(
        _ endpoint: Endpoint, passive: Bool,
        _ body: (UnsafePointer<addrinfo>) throws(SystemError) -> Socket
    ) throws(SystemError) -> Socket {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = passive ? AI_PASSIVE : 0
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(endpoint.host, String(endpoint.port), &hints, &list)
        guard code == 0, let list else {
            let errno = code == EAI_SYSTEM ? Glibc.errno : EADDRNOTAVAIL
            throw SystemError(
                call: "getaddrinfo", errno: errno,
                subject: "\(endpoint) (\(String(cString: gai_strerror(code))))")
        }
        defer { freeaddrinfo(list) }
        var failure = SystemError(call: "getaddrinfo", errno: EADDRNOTAVAIL, subject: "\(endpoint)")
        var next: UnsafeMutablePointer<addrinfo>? = list
        while let address = next {
            do throws(SystemError) { return try body(address) } catch { failure = error }
            next = address.pointee.ai_next
        }
        throw failure
    }

    private static func numericName(
        _ descriptor: Int32,
        _ name: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> String {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let code = withUnsafeMutablePointer(to: &storage) { storage in
            storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                name(descriptor, address, &size) == 0
                    ? getnameinfo(
                        address, size, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST)
                    : -1
            }
        }
        guard code == 0 else { return "unknown" }
        return NumericAddress.canonical(
            String(decoding: host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }
}
