#if VARVE_TLS
    internal import COpenSSL
    internal import Glibc

    /// TLS over one non-blocking socket (SSL). One thread at a time, like its socket, which must
    /// outlive it.
    ///
    /// Nothing here waits. Each call goes as far as the socket lets it and then says what it waits
    /// for; the caller calls again when the socket is ready for that.
    final class TLSSession: @unchecked Sendable {
        // SAFETY: the owner uses it from one thread at a time; who hands it to another thread
        // orders the two (a mailbox's lock).

        /// The most plaintext in one record (RFC 8446 section 5.1), and so in one write.
        static let recordBytesMax = 16 << 10
        /// What one call takes off the socket at most.
        private static let turnBytesMax = 1 << 20

        private let ssl: OpaquePointer
        private let channel: UnsafeMutablePointer<SocketChannel>
        private let context: TLSContext
        private let peer: String
        /// After this no call of the session may follow (SSL_get_error(3)).
        private var failure: TLSError?
        private(set) var isEstablished = false
        /// The last read waits for the socket to take bytes (an answer to a KeyUpdate).
        private(set) var readWaitsForWrite = false
        /// The last write waits for bytes from the peer.
        private(set) var writeWaitsForRead = false
        /// The last read left bytes, or an error, inside the session, of which the poller knows
        /// nothing: the next read finds them.
        private(set) var mayHaveMore = false

        /// - Parameter peer: for error texts.
        /// - Parameter host: for a client, the name or address that the server's certificate must
        ///   have.
        init(
            _ context: TLSContext, descriptor: Int32, peer: String, host: String?
        ) throws(TLSError) {
            ERR_clear_error()
            guard let ssl = SSL_new(context.pointer) else {
                throw .handshake(peer: peer, reason: TLSFailureText.queue())
            }
            self.ssl = ssl
            self.context = context
            self.peer = peer
            channel = .allocate(capacity: 1)
            channel.initialize(to: SocketChannel(descriptor: descriptor))
            guard let bio = SocketBIO.make(channel) else {
                preconditionFailure("out of memory")
            }
            SSL_set_bio(ssl, bio, bio)
            // One receive call brings as much as fits, not a record's header alone.
            SSL_set_read_ahead(ssl, 1)
            if context.isServer {
                SSL_set_accept_state(ssl)
            } else {
                SSL_set_connect_state(ssl)
                if let host { try expect(host) }
            }
        }

        deinit {
            SSL_free(ssl)
            channel.deinitialize(count: 1)
            channel.deallocate()
        }

        private func expect(_ host: String) throws(TLSError) {
            var isAddress = false
            var storage = in6_addr()
            for family in [AF_INET, AF_INET6] where inet_pton(family, host, &storage) == 1 {
                isAddress = true
            }
            // Server names are names; an address has no place there (RFC 6066 section 3).
            if !isAddress { _ = varve_ssl_server_name(ssl, host) }
            guard context.verifiesHostName else { return }
            let isSet =
                isAddress
                ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host)
                : SSL_set1_host(ssl, host)
            guard isSet == 1 else {
                throw .configuration(subject: host, reason: "cannot be a server's name")
            }
        }

        /// Protocol, cipher and the peer's certificate, for a log line.
        var summary: String {
            let version = String(cString: SSL_get_version(ssl))
            let cipher = SSL_CIPHER_get_name(SSL_get_current_cipher(ssl))
            let name = cipher.map { String(cString: $0) } ?? ""
            guard let certificate = SSL_get1_peer_certificate(ssl) else {
                return "\(version) \(name)"
            }
            return "\(version) \(name) \(X509Certificate(owning: certificate).subject)"
        }

        /// Whose certificate the peer has shown and this side has verified; nil where it has not.
        var peerSubject: String? {
            guard SSL_get_verify_result(ssl) == X509_V_OK,
                let certificate = SSL_get1_peer_certificate(ssl)
            else { return nil }
            return X509Certificate(owning: certificate).subject
        }

        /// Goes on with the handshake. Nil: it is done. Otherwise what it waits for.
        /// - Throws: `.handshake`, or `.io` when the connection broke; the session is over.
        func handshake() throws(TLSError) -> Poller.Interest? {
            if let failure { throw failure }
            begin()
            let code = SSL_do_handshake(ssl)
            if code == 1 {
                isEstablished = true
                // What came with the client's last flight is inside already.
                mayHaveMore = true
                return nil
            }
            switch SSL_get_error(ssl, code) {
            case SSL_ERROR_WANT_READ: return .read
            case SSL_ERROR_WANT_WRITE: return .write
            case let kind: throw fail(kind, "handshake")
            }
        }

        /// Decrypts what is there, at most `buffer.count` bytes. 0 means that the peer sent its
        /// last byte; nil that nothing is there yet.
        func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> Int? {
            if let failure { throw failure }
            guard let base = buffer.baseAddress else { return nil }
            begin()
            readWaitsForWrite = false
            var total = 0
            while total < buffer.count {
                var count = 0
                let code = SSL_read_ex(ssl, base + total, buffer.count - total, &count)
                if code == 1 {
                    total += count
                    continue
                }
                let kind = SSL_get_error(ssl, code)
                switch kind {
                case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE:
                    mayHaveMore = false
                    readWaitsForWrite = kind == SSL_ERROR_WANT_WRITE
                    return total > 0 ? total : nil
                case SSL_ERROR_ZERO_RETURN:
                    mayHaveMore = total > 0
                    return total
                default:
                    let error = fail(kind, "recv")
                    guard total > 0 else { throw error }
                    mayHaveMore = true
                    return total
                }
            }
            mayHaveMore = true
            return total
        }

        /// Encrypts and sends what the socket takes now, at most a record's worth, from `offset`
        /// bytes into the first of `pieces`. Returns the bytes taken, 0 when the socket is full.
        ///
        /// After 0 the same bytes have to come again, and may be followed by more: OpenSSL has
        /// encrypted them already and only the sending is left.
        func write(
            _ pieces: some Collection<ByteSlice>, from offset: Int
        ) throws(TLSError) -> Int {
            if let failure { throw failure }
            guard let first = pieces.first(where: { _ in true }) else { return 0 }
            if first.count - offset >= Self.recordBytesMax {
                return try first.withUnsafeBytes { (bytes) throws(TLSError) in
                    try write(UnsafeRawBufferPointer(rebasing: bytes[offset...]))
                }
            }
            // Small pieces share a record: each one of its own would cost a system call.
            let record = ByteSlice(filling: Self.recordBytesMax) { room in
                var count = 0
                for (index, piece) in pieces.enumerated() {
                    if count == room.count { break }
                    piece.withUnsafeBytes { bytes in
                        let rest = bytes[(index == 0 ? offset : 0)...]
                        let part = rest.prefix(room.count - count)
                        UnsafeMutableRawBufferPointer(rebasing: room[count...])
                            .copyMemory(from: UnsafeRawBufferPointer(rebasing: part))
                        count += part.count
                    }
                }
                return count
            }
            return try record.withUnsafeBytes { (bytes) throws(TLSError) in try write(bytes) }
        }

        private func write(_ bytes: UnsafeRawBufferPointer) throws(TLSError) -> Int {
            guard bytes.count > 0 else { return 0 }
            begin()
            writeWaitsForRead = false
            var count = 0
            let code = SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count)
            if code == 1 { return count }
            switch SSL_get_error(ssl, code) {
            case SSL_ERROR_WANT_WRITE: return 0
            case SSL_ERROR_WANT_READ:
                writeWaitsForRead = true
                return 0
            case let kind: throw fail(kind, "send")
            }
        }

        /// Tells the peer that no more comes (close_notify), if the socket takes it at once.
        func close() {
            guard isEstablished, failure == nil else { return }
            begin()
            _ = SSL_shutdown(ssl)
            ERR_clear_error()
        }

        private func begin() {
            // What an earlier call left in this thread's queue would be taken for this one's.
            ERR_clear_error()
            channel.pointee.budget = Self.turnBytesMax
        }

        /// The error of the call that has just failed for good.
        private func fail(_ kind: Int32, _ call: String) -> TLSError {
            let error = failureText(kind, call)
            failure = error
            ERR_clear_error()
            return error
        }

        private func failureText(_ kind: Int32, _ call: String) -> TLSError {
            let reason = varve_error_reason(ERR_peek_error())
            if channel.pointee.failure != 0 {
                return .io(
                    SystemError(call: call, errno: channel.pointee.failure, subject: peer))
            }
            let queue = TLSFailureText.queue()
            guard !isEstablished else {
                return .session(
                    peer: peer,
                    reason: kind == SSL_ERROR_SSL ? queue : "the connection ended within a record")
            }
            if let other = TLSFailureText.notTLS(channel.pointee.first) {
                return .handshake(peer: peer, reason: other)
            }
            if kind != SSL_ERROR_SSL || channel.pointee.hasEnded {
                return .ended(
                    peer: peer,
                    reason: "it closed the connection during the handshake"
                        + (context.isServer
                            ? "; a client that does not trust this certificate may do that"
                            : "; does it speak TLS on this port?"))
            }
            if let verification = TLSFailureText.verification(ssl) {
                return .handshake(peer: peer, reason: "\(verification) (\(queue))")
            }
            let remedy = TLSFailureText.remedy(reason, isServer: context.isServer)
            return .handshake(
                peer: peer, reason: remedy.map { "\($0) (\(queue))" } ?? queue)
        }
    }
#endif
