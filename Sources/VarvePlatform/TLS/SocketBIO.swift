#if VARVE_TLS
    internal import COpenSSL
    internal import Glibc

    /// What a session's BIO knows of the socket under it.
    struct SocketChannel {
        let descriptor: Int32
        /// The errno of the last call that failed for good; 0 for none.
        var failure: Int32 = 0
        var hasEnded = false
        /// Bytes that may be read before the socket is said to be empty: what one session takes
        /// in one turn is bounded, also where the bytes are none of the application's (I8).
        var budget = 0
        /// The peer's first bytes, to say what it speaks when it is not TLS.
        var first: [UInt8] = []

        init(descriptor: Int32) { self.descriptor = descriptor }
    }

    /// Lets OpenSSL send and receive over a socket: as its own BIO for sockets does, but with
    /// MSG_NOSIGNAL (that one raises SIGPIPE), with the errno kept, and within `budget`.
    enum SocketBIO {
        // Made once, never changed, never freed.
        private nonisolated(unsafe) static let method: OpaquePointer = {
            let kind = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR
            guard let method = BIO_meth_new(kind, "varve socket") else {
                preconditionFailure("out of memory")
            }
            BIO_meth_set_write(method, send)
            BIO_meth_set_read(method, receive)
            BIO_meth_set_ctrl(method, control)
            return method
        }()

        /// A BIO over `channel`, which must outlive it. Nil when memory is out.
        static func make(_ channel: UnsafeMutablePointer<SocketChannel>) -> OpaquePointer? {
            guard let bio = BIO_new(method) else { return nil }
            BIO_set_data(bio, channel)
            BIO_set_init(bio, 1)
            return bio
        }

        private static func channel(
            _ bio: OpaquePointer?
        ) -> UnsafeMutablePointer<SocketChannel> {
            BIO_get_data(bio).assumingMemoryBound(to: SocketChannel.self)
        }

        private static let send: Sender = { bio, bytes, count in
            let channel = SocketBIO.channel(bio)
            varve_bio_no_retry(bio)
            let sent = retryingInterrupts {
                Glibc.send(channel.pointee.descriptor, bytes, Int(count), Int32(MSG_NOSIGNAL))
            }
            if sent >= 0 { return Int32(sent) }
            if errno == EAGAIN || errno == EWOULDBLOCK {
                varve_bio_retry_write(bio)
            } else {
                channel.pointee.failure = errno
            }
            return -1
        }

        private static let receive: Receiver = { bio, bytes, count in
            let channel = SocketBIO.channel(bio)
            varve_bio_no_retry(bio)
            guard channel.pointee.budget > 0 else {
                varve_bio_retry_read(bio)
                return -1
            }
            let got = retryingInterrupts {
                recv(channel.pointee.descriptor, bytes, Int(count), 0)
            }
            if got > 0 {
                channel.pointee.budget -= got
                if channel.pointee.first.count < 16, let bytes {
                    channel.pointee.first.append(
                        contentsOf: UnsafeRawBufferPointer(start: bytes, count: got).prefix(16))
                }
                return Int32(got)
            }
            if got == 0 {
                channel.pointee.hasEnded = true
            } else if errno == EAGAIN || errno == EWOULDBLOCK {
                varve_bio_retry_read(bio)
            } else {
                channel.pointee.failure = errno
            }
            return Int32(got)
        }

        private static let control: Controller = { bio, command, _, _ in
            switch command {
            case BIO_CTRL_FLUSH, BIO_CTRL_DUP: 1
            case BIO_CTRL_EOF: SocketBIO.channel(bio).pointee.hasEnded ? 1 : 0
            default: 0
            }
        }

        private typealias Sender =
            @convention(c) (OpaquePointer?, UnsafePointer<CChar>?, Int32) -> Int32
        private typealias Receiver =
            @convention(c) (OpaquePointer?, UnsafeMutablePointer<CChar>?, Int32) -> Int32
        private typealias Controller =
            @convention(c) (OpaquePointer?, Int32, Int, UnsafeMutableRawPointer?) -> Int
    }
#endif
