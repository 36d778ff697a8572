internal import VarvePlatform

/// One HTTP connection: takes one request, answers it, closes. Bounded in bytes and in time (I8).
final class HTTPConnection: Channel {
    /// From its first byte to its last, a connection has so long. In milliseconds.
    static let lifeMilliseconds: Int64 = 15_000

    let token: UInt64
    private let socket: Socket
    private unowned let loop: EventLoop
    private let broker: BrokerState
    private let connections: MemoryBudget
    private let opened: Int64
    private var head: [UInt8] = []
    private var response: [ByteSlice] = []
    private var sent = 0
    /// The request is there whole; what comes after it is not looked at.
    private var isAnswering = false

    var descriptor: Int32 { socket.descriptor }

    /// - Parameter connections: where this connection counts; it gives its place back at its end.
    init(
        socket: consuming Socket, loop: EventLoop, broker: BrokerState, connections: MemoryBudget
    ) {
        self.socket = socket
        token = loop.makeToken()
        self.loop = loop
        self.broker = broker
        self.connections = connections
        opened = loop.now
    }

    /// Closes the oldest connection on `loop` that has not asked anything yet, so that idle ones
    /// never keep a health check out. False when there is none.
    static func closeLongestSilent(on loop: EventLoop) -> Bool {
        let oldest = loop.firstChannel { ($0 as? HTTPConnection)?.response.isEmpty ?? false }
        guard let oldest else { return false }
        loop.remove(oldest)
        return true
    }

    func ready(readable: Bool, writable: Bool) {
        if !response.isEmpty { return flush() }
        guard readable else { return }
        // More bytes, or the end, while the answer is being made: they can wait.
        if isAnswering { return loop.setInterest([], of: self, token: token) }
        do throws(SystemError) {
            let count = try socket.read(into: loop.scratch)
            guard let count else { return }
            if count == 0 { return loop.remove(token) }
            head.append(contentsOf: loop.scratch[..<min(count, HTTPRequest.headBytesMax)])
        } catch {
            return loop.remove(token)
        }
        switch HTTPRequest.parse(head) {
        case .incomplete: break
        case .malformed: answer(.text("not an HTTP request", status: 400), withBody: true)
        case .request(let request) where request.method == "POST" && request.path == "/retention":
            applyRetention()
        case .request(let request) where request.method == "POST" && request.path == "/repair":
            answer(RepairPage.post(request, broker), withBody: true)
        case .request(let request):
            answer(HTTPPages.answer(request, broker: broker), withBody: request.method != "HEAD")
        }
    }

    /// On the thread that may sync; the answer comes back to this loop.
    private func applyRetention() {
        isAnswering = true
        broker.admin.run { [broker, loop, token] in
            let text = RetentionPage.apply(broker)
            loop.post {
                let connection = loop.channel(token) as? HTTPConnection
                connection?.answer(.json(text), withBody: true)
            }
        }
    }

    private func answer(_ page: HTTPResponse, withBody: Bool) {
        response = [ByteSlice(page.bytes(withBody: withBody))]
        flush()
    }

    func flush() {
        do throws(SystemError) {
            while sent < response[0].count {
                let count = try socket.write(response, from: sent)
                if count == 0 { return loop.setInterest(.write, of: self, token: token) }
                sent += count
            }
        } catch {
            broker.logger.debug("an HTTP client went away", ["error": error])
        }
        loop.remove(token)
    }

    func sweep(now: Int64) {
        if now - opened >= Self.lifeMilliseconds { loop.remove(token) }
    }

    func drain() {
        if response.isEmpty { loop.remove(token) }
    }

    func channelClosed() {
        socket.shutdown()
        connections.release(1)
    }
}
