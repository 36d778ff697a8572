#if VARVE_TLS
    import VarvePlatform

    /// Two ends of one connection over the loopback, after their handshake.
    struct TLSPair {
        /// One end in a box, since a struct of two cannot be taken apart.
        final class End: @unchecked Sendable {
            // SAFETY: each test hands an end to one thread at a time.
            var stream: SocketStream
            init(_ stream: consuming SocketStream) { self.stream = stream }
        }

        let client: End
        let server: End

        init(server: TLSSettings, client: TLSSettings) throws {
            let ends = try Self.meet(server: server, client: client)
            self.client = try ends.client.get()
            self.server = try ends.server.get()
        }

        /// What each of the two says when they do not come to terms; empty for one that was content
        /// (in TLS 1.3 a client is before the server has looked at its certificate).
        static func failures(
            server: TLSSettings, client: TLSSettings
        ) throws -> (client: String, server: String) {
            func text(_ result: Result<End, TLSError>) -> String {
                if case .failure(let error) = result { "\(error)" } else { "" }
            }
            let ends = try meet(server: server, client: client)
            return (text(ends.client), text(ends.server))
        }

        private static func meet(
            server: TLSSettings, client: TLSSettings
        ) throws -> (client: Result<End, TLSError>, server: Result<End, TLSError>) {
            let listener = try Socket.listen(Endpoint(host: "127.0.0.1", port: 0))
            let endpoint = Endpoint(host: "127.0.0.1", port: listener.localPort)
            let contexts = (try TLSContext.server(server), try TLSContext.client(client))
            let connected = Lock<Result<End, TLSError>?>(nil)
            let thread = NamedThread("client") {
                let result = outcome { () throws(TLSError) in
                    try SocketStream.connect(
                        endpoint, tls: contexts.1, timeoutMilliseconds: 10_000)
                }
                connected.withLock { $0 = result }
            }
            guard try listener.waitReadable(timeoutMilliseconds: 10_000),
                let socket = try listener.accept()
            else { throw TLSError.configuration(subject: "test", reason: "nobody came") }
            let box = SocketStream(socket, serving: contexts.0)
            let accepted = shake(box)
            thread.join()
            return (connected.withLock { $0 }!, accepted)
        }

        private static func shake(_ stream: consuming SocketStream) -> Result<End, TLSError> {
            let end = End(stream)
            do throws(TLSError) {
                while let wanted = try end.stream.handshake() { end.wait(wanted) }
                return .success(end)
            } catch {
                // Its socket closes here, and the client sees the alert and the end.
                return .failure(error)
            }
        }

        private static func outcome(
            _ body: () throws(TLSError) -> SocketStream
        ) -> Result<End, TLSError> {
            do throws(TLSError) { return .success(End(try body())) } catch {
                return .failure(error)
            }
        }

        /// Sends `pieces` from one end to the other on one thread, as an event loop would; what
        /// arrived.
        func carry(_ pieces: [ByteSlice], fromClient: Bool) throws -> [UInt8] {
            let (from, to) = fromClient ? (client, server) : (server, client)
            let total = pieces.reduce(0) { $0 + $1.count }
            var received: [UInt8] = []
            var left = pieces[...]
            var offset = 0
            var idle = 0
            let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 50_000, alignment: 16)
            defer { room.deallocate() }
            while received.count < total, idle < 1000 {
                var moved = 0
                if !left.isEmpty {
                    moved = try from.stream.write(left, from: offset)
                    offset += moved
                    while let first = left.first, offset >= first.count {
                        offset -= first.count
                        left.removeFirst()
                    }
                }
                if let count = try to.stream.read(into: room) {
                    received.append(contentsOf: room[..<count])
                    moved += count
                }
                idle = moved == 0 ? idle + 1 : 0
                if moved == 0 { to.wait(.read, milliseconds: 5) }
            }
            return received
        }
    }

    extension TLSPair.End {
        func wait(_ interest: Poller.Interest, milliseconds: Int32 = 10_000) {
            do throws(SystemError) {
                _ =
                    interest == .read
                    ? try stream.socket.waitReadable(timeoutMilliseconds: milliseconds)
                    : try stream.socket.waitWritable(timeoutMilliseconds: milliseconds)
            } catch {
                preconditionFailure("\(error)")
            }
        }

        /// Reads once what is there within ten seconds.
        func read(upTo bytesMax: Int) throws -> ByteSlice? {
            wait(.read)
            var count: Int?
            let bytes = try ByteSlice(filling: bytesMax) { (room) throws(TLSError) in
                count = try stream.read(into: room)
                return count ?? 0
            }
            return count == nil ? nil : bytes
        }
    }

    /// The TLS error that `body` ends with; nil when it does not.
    func tlsFailure(_ body: () throws(TLSError) -> Void) -> TLSError? {
        do throws(TLSError) {
            try body()
            return nil
        } catch {
            return error
        }
    }
#endif
