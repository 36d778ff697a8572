import Testing
import VarvePlatform

@Suite struct SocketTests {
    @Test func bytesCrossAConnectionAndItsEndIsSeen() throws {
        let listener = try Socket.listen(Endpoint(host: "127.0.0.1", port: 0))
        let client = try Socket.connect(
            Endpoint(host: "127.0.0.1", port: listener.localPort), timeoutMilliseconds: 1000)
        #expect(try listener.waitReadable(timeoutMilliseconds: 1000))
        guard let server = try listener.accept() else {
            Issue.record("nobody waits")
            return
        }
        #expect(server.peer == "127.0.0.1")

        let pieces: [ByteSlice] = ["skipped-hello", ByteSlice(), " world"]
        #expect(try client.write(pieces, from: 8) == 11)
        #expect(try server.waitReadable(timeoutMilliseconds: 1000))
        let received = try ByteSlice(filling: 64) { (buffer) throws(SystemError) in
            try server.read(into: buffer) ?? 0
        }
        #expect(received == "hello world")

        client.shutdown()
        #expect(try server.waitReadable(timeoutMilliseconds: 1000))
        let end = try ByteSlice(filling: 64) { (buffer) throws(SystemError) in
            try server.read(into: buffer) ?? 1
        }
        #expect(end.isEmpty)
    }

    @Test func aFullSocketTakesNothingInsteadOfBlocking() throws {
        let listener = try Socket.listen(Endpoint(host: "127.0.0.1", port: 0))
        let client = try Socket.connect(
            Endpoint(host: "127.0.0.1", port: listener.localPort), timeoutMilliseconds: 1000)
        let piece = ByteSlice([UInt8](repeating: 7, count: 1 << 20))
        var sent = 0
        while sent < 1 << 30 {
            let taken = try client.write([piece], from: 0)
            if taken == 0 { break }
            sent += taken
        }
        #expect(sent > 0 && sent < 1 << 30)
        #expect(try !client.waitWritable(timeoutMilliseconds: 10))
    }

    @Test func aRefusedConnectionNamesTheAddress() throws {
        let port: Int
        do {
            let listener = try Socket.listen(Endpoint(host: "127.0.0.1", port: 0))
            port = listener.localPort
        }
        do throws(SystemError) {
            _ = try Socket.connect(
                Endpoint(host: "127.0.0.1", port: port), timeoutMilliseconds: 1000)
            Issue.record("connected to nobody")
        } catch {
            #expect(error.call == "connect")
            #expect(error.description.contains("127.0.0.1:\(port)"))
        }
    }

    @Test func endpointsReadAsPeopleWriteThem() {
        #expect(Endpoint("127.0.0.1:9092") == Endpoint(host: "127.0.0.1", port: 9092))
        #expect(Endpoint("[::1]:9092") == Endpoint(host: "::1", port: 9092))
        #expect(Endpoint("[::1]:9092")?.description == "[::1]:9092")
        #expect(Endpoint("broker", defaultPort: 9092) == Endpoint(host: "broker", port: 9092))
        for bad in ["broker", ":9092", "broker:", "broker:x", "broker:70000", "::1:9092", "[::1]x"] {
            #expect(Endpoint(bad) == nil, "\(bad)")
        }
    }

    @Test func aPollerReportsReadinessAndWakes() throws {
        let poller = try Poller()
        let listener = try Socket.listen(Endpoint(host: "127.0.0.1", port: 0))
        try poller.add(listener.descriptor, token: 7, interest: .read)
        var tokens: [UInt64] = []
        try poller.wait(timeoutMilliseconds: 0) { tokens.append($0.token) }
        #expect(tokens.isEmpty)

        let client = try Socket.connect(
            Endpoint(host: "127.0.0.1", port: listener.localPort), timeoutMilliseconds: 1000)
        try poller.wait(timeoutMilliseconds: 1000) { event in
            tokens.append(event.token)
            #expect(event.readable && !event.writable)
        }
        #expect(tokens == [7])

        try poller.modify(listener.descriptor, token: 7, interest: [])
        let waker = NamedThread("waker") { poller.wake() }
        try poller.wait(timeoutMilliseconds: 10_000) { _ in Issue.record("paused, yet reported") }
        waker.join()
        try poller.remove(listener.descriptor)
        client.shutdown()
    }

    @Test func aLockWaitsForItsValue() {
        let lock = Lock(0)
        #expect(lock.wait(timeoutMilliseconds: 5) { $0 > 0 ? $0 : nil } == nil)
        let thread = NamedThread("setter") {
            lock.withLock { $0 = 3 }
            lock.signal()
        }
        #expect(lock.wait(timeoutMilliseconds: 10_000) { $0 > 0 ? $0 : nil } == 3)
        thread.join()
    }
}
