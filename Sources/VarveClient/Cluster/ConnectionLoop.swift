internal import VarvePlatform
internal import VarveWire

/// The one I/O thread of a cluster: it owns all connections and all timers.
///
/// The thread starts with the first request. Everything handed to it from other threads goes
/// through one inbox; everything it completes, it completes on its own thread.
final class ConnectionLoop: Sendable {
    private let configuration: ClientConfiguration
    private let state = Lock(State.unstarted)

    private enum State {
        case unstarted
        case running(LoopThread)
        case stopped
    }

    init(_ configuration: ClientConfiguration) { self.configuration = configuration }

    deinit {
        if case .running(let thread) = state.withLock({ $0 }) { thread.post(.stop) }
    }

    /// Sends a request over the connection `key`, made if need be. `request.complete` is called
    /// once whatever happens: at once with `.closed` when the loop was stopped.
    func submit(_ request: OutgoingRequest, over key: ConnectionKey) {
        do throws(ClientError) {
            try thread().post(.submit(request, key))
        } catch {
            request.complete(.failure(error))
        }
    }

    /// Runs `body` on the I/O thread after `milliseconds`; at once, on this or that thread, when
    /// the loop stops or has stopped. It must be quick.
    func after(milliseconds: Int64, _ body: @escaping @Sendable () -> Void) {
        do throws(ClientError) {
            try thread().post(.timer(SystemClock().monotonicMilliseconds() + milliseconds, body))
        } catch {
            body()
        }
    }

    /// Suspends for `milliseconds`, or until the loop stops.
    func sleep(milliseconds: Int64) async {
        await withCheckedContinuation { continuation in
            after(milliseconds: milliseconds) { continuation.resume() }
        }
    }

    /// Closes the connections of a lane; requests still on them fail with `.closed`.
    func close(_ lane: Lane) {
        if case .running(let thread) = state.withLock({ $0 }) { thread.post(.close(lane)) }
    }

    /// Fails every request with `.closed`, closes every connection, runs every timer. Nothing can
    /// be sent afterwards.
    func stop() {
        let thread: LoopThread? = state.withLock { state in
            defer { state = .stopped }
            if case .running(let thread) = state { return thread }
            return nil
        }
        thread?.post(.stop)
    }

    private func thread() throws(ClientError) -> LoopThread {
        try state.withLock { (state) throws(ClientError) in
            switch state {
            case .running(let thread): return thread
            case .stopped: throw .closed
            case .unstarted:
                let thread: LoopThread
                do throws(SystemError) {
                    thread = try LoopThread(configuration)
                } catch {
                    throw .io(error)
                }
                thread.start()
                state = .running(thread)
                return thread
            }
        }
    }
}

/// What the thread of a `ConnectionLoop` runs and owns.
private final class LoopThread: @unchecked Sendable {
    // SAFETY: other threads touch only `inbox` and `poller`, which are Sendable; the rest belongs
    // to the one thread that `start` makes.
    enum Command: Sendable {
        case submit(OutgoingRequest, ConnectionKey)
        case timer(Int64, @Sendable () -> Void)
        case connected(ConnectionKey, UInt64, Result<StreamBox, TLSError>)
        case close(Lane)
        case stop
    }

    private struct Inbox {
        var commands: [Command] = []
        var isStopped = false
    }

    private let configuration: ClientConfiguration
    private let poller: Poller
    private let inbox = Lock(Inbox())
    private let clock = SystemClock()
    private var connections: [ConnectionKey: Connection] = [:]
    private var byToken: [UInt64: Connection] = [:]
    private var connectors: [UInt64: NamedThread] = [:]
    private var timers = TimerQueue()
    private var lastToken: UInt64 = 0
    private var isStopping = false

    init(_ configuration: ClientConfiguration) throws(SystemError) {
        self.configuration = configuration
        poller = try Poller()
    }

    /// Starts the thread. It ends by itself after `.stop`; nobody waits for it, because the one who
    /// says stop may be a callback on that very thread.
    func start() { NamedThread("varve-client") { self.run() }.detach() }

    func post(_ command: Command) {
        let accepted = inbox.withLock { inbox in
            if inbox.isStopped { return false }
            inbox.commands.append(command)
            return true
        }
        if accepted { return poller.wake() }
        switch command {
        case .submit(let request, _): request.complete(.failure(.closed))
        case .timer(_, let body): body()
        case .connected, .close, .stop: break
        }
    }

    private func run() {
        while !isStopping {
            let now = clock.monotonicMilliseconds()
            var ready: [Poller.Event] = []
            do throws(SystemError) {
                try poller.wait(timeoutMilliseconds: waitMilliseconds(now: now)) {
                    ready.append($0)
                }
            } catch {
                // epoll_wait fails only on our own bugs and on signals; without it there is
                // nothing to go on with.
                configuration.logger?.error("poller failed", ["error": error])
                isStopping = true
            }
            for event in ready { handle(event) }
            for command in takeCommands() { handle(command) }
            advance()
        }
        finish()
    }

    private func takeCommands() -> [Command] {
        inbox.withLock { inbox in
            defer { inbox.commands = [] }
            return inbox.commands
        }
    }

    private func waitMilliseconds(now: Int64) -> Int32 {
        if inbox.withLock({ !$0.commands.isEmpty }) { return 0 }
        var soonest = timers.next ?? .max
        for connection in connections.values {
            soonest = min(soonest, connection.nextDeadline ?? .max)
            if connection.mayHaveMore { return 0 }
            if connection.wantsToConnect { soonest = min(soonest, connection.retryAt) }
        }
        return soonest == .max ? -1 : Int32(clamping: max(0, soonest - now))
    }

    private func handle(_ command: Command) {
        switch command {
        case .submit(let request, let key): connection(key).submit(request)
        case .timer(let at, let body): timers.add(at: at, body)
        case .connected(_, let token, let result):
            connectors.removeValue(forKey: token)?.join()
            guard let connection = byToken[token] else { return }
            switch result {
            case .success(let socket):
                do throws(SystemError) {
                    try poller.add(
                        socket.stream.descriptor, token: token, interest: [.read])
                    connection.interest = [.read]
                    connection.connected(socket)
                } catch {
                    fail(connection, .io(error))
                }
            case .failure(let error): fail(connection, ClientError(error))
            }
        case .close(let lane):
            for connection in connections.values where connection.key.lane == lane {
                fail(connection, .closed)
                connections[connection.key] = nil
                byToken[connection.token] = nil
            }
        case .stop: isStopping = true
        }
    }

    private func handle(_ event: Poller.Event) {
        guard let connection = byToken[event.token], let socket = connection.socket else { return }
        // Within TLS the one may wait for the other.
        let (mayRead, mayWrite) = socket.stream.progress(
            readable: event.readable, writable: event.writable)
        do throws(ClientError) {
            if mayWrite { try connection.write() }
            if mayRead { try connection.read() }
        } catch {
            fail(connection, error)
        }
    }

    /// Makes connections that are wanted, writes what can be written, ends what has run out.
    private func advance() {
        let now = clock.monotonicMilliseconds()
        while let body = timers.popDue(now: now) { body() }
        for connection in connections.values {
            do throws(ClientError) {
                try connection.expire(now: now)
                try connection.write()
                if connection.mayHaveMore { try connection.read() }
                try watch(connection)
            } catch {
                fail(connection, error)
            }
            if connection.wantsToConnect && connection.retryAt <= now { connect(connection) }
        }
    }

    private func watch(_ connection: Connection) throws(ClientError) {
        guard let socket = connection.socket else { return }
        let interest = socket.stream.interest(reading: true, writing: connection.wantsToWrite)
        guard interest != connection.interest else { return }
        do throws(SystemError) {
            try poller.modify(
                socket.stream.descriptor, token: connection.token, interest: interest)
        } catch {
            throw .io(error)
        }
        connection.interest = interest
    }

    private func connection(_ key: ConnectionKey) -> Connection {
        if let connection = connections[key] { return connection }
        lastToken += 1
        let connection = Connection(key: key, token: lastToken, configuration: configuration)
        connections[key] = connection
        byToken[lastToken] = connection
        return connection
    }

    /// Resolving a name and connecting block, so a thread of their own does it.
    private func connect(_ connection: Connection) {
        connection.connecting()
        let (key, token) = (connection.key, connection.token)
        let timeout = Int32(clamping: configuration.connectTimeoutMilliseconds)
        connectors[token] = NamedThread("varve-connect") { [self] in
            let result: Result<StreamBox, TLSError>
            do throws(TLSError) {
                result = .success(
                    StreamBox(
                        try SocketStream.connect(
                            key.endpoint, tls: configuration.tls?.renewed(),
                            timeoutMilliseconds: timeout)))
            } catch {
                result = .failure(error)
            }
            post(.connected(key, token, result))
        }
    }

    private func fail(_ connection: Connection, _ error: ClientError) {
        if let socket = connection.socket {
            // Closing the socket, which `fail` does, takes it out of the poller as well; this is
            // only the orderly way, so its failure changes nothing.
            do throws(SystemError) { try poller.remove(socket.stream.descriptor) } catch {
                configuration.logger?.debug("unwatch failed", ["error": error])
            }
        }
        connection.interest = []
        if error != .closed {
            configuration.logger?.debug(
                "connection lost", ["broker": connection.key.endpoint, "error": error])
        }
        connection.fail(error, now: clock.monotonicMilliseconds())
    }

    private func finish() {
        let commands = inbox.withLock { inbox in
            defer { inbox.commands = [] }
            inbox.isStopped = true
            return inbox.commands
        }
        for connection in connections.values { fail(connection, .closed) }
        connections = [:]
        byToken = [:]
        for command in commands {
            switch command {
            case .submit(let request, _): request.complete(.failure(.closed))
            case .timer(_, let body): body()
            case .connected, .close, .stop: break
            }
        }
        for body in timers.removeAll() { body() }
        for thread in connectors.values { thread.join() }
        connectors = [:]
    }
}
