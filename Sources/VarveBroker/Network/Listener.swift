internal import VarvePlatform

/// Accepts connections on one address and gives each to an event loop for life.
///
/// Over `max.connections` where no room can be made, or out of descriptors, it closes what comes at
/// once instead of leaving it in the queue, where it would wake the loop over and over.
final class Listener: Channel {
    /// Makes the channel for a new connection and adds it to `loop`. Runs on that loop.
    typealias Adopt = @Sendable (consuming Socket, EventLoop) -> Void

    private let socket: Socket
    private let token: UInt64
    private unowned let loop: EventLoop
    private let loops: [EventLoop]
    private let broker: BrokerState
    private let connections: MemoryBudget
    private let makeRoom: () -> Bool
    private let adopt: Adopt
    private var next = 0
    private var isPaused = false
    /// Two descriptors in reserve: given up to accept and close what waits when there are no more.
    private var reserve: Poller?

    var descriptor: Int32 { socket.descriptor }

    /// - Parameter loops: the loops that new connections are spread over, in turn.
    /// - Parameter connections: where each connection takes a place; at its bound they are closed
    ///   on arrival. The channel gives the place back when it closes.
    /// - Parameter makeRoom: called at the bound, on `loop`; true when it closed a connection.
    init(
        socket: consuming Socket, loop: EventLoop, loops: [EventLoop], broker: BrokerState,
        connections: MemoryBudget, makeRoom: @escaping () -> Bool = { false },
        adopt: @escaping Adopt
    ) throws(SystemError) {
        self.socket = socket
        self.loop = loop
        self.loops = loops
        self.broker = broker
        self.connections = connections
        self.makeRoom = makeRoom
        self.adopt = adopt
        token = loop.makeToken()
        reserve = try Poller()
        try loop.add(self, token: token)
    }

    func ready(readable: Bool, writable: Bool) {
        // A bounded number a turn: a flood of connections must not starve those that are here.
        for _ in 0..<64 where !isPaused {
            do throws(SystemError) {
                guard let connection = try socket.accept() else { return }
                take(connection)
            } catch {
                shed(error)
                return
            }
        }
    }

    private func take(_ connection: consuming Socket) {
        guard connections.reserve(1) || (makeRoom() && connections.reserve(1)) else {
            broker.metrics.connectionsRefused.add(1)
            return
        }
        next = (next + 1) % loops.count
        let target = loops[next]
        connection.setKeepAlive()
        if target === loop { return adopt(connection, target) }
        let box = SocketBox(connection)
        target.post { [adopt] in
            if let socket = box.take() { adopt(socket, target) }
        }
    }

    /// Out of descriptors (EMFILE, ENFILE) or kernel memory: closes what waits with the reserve,
    /// then rests for a moment.
    private func shed(_ error: SystemError) {
        broker.logger.warning("cannot accept a connection, refusing some", ["error": error])
        reserve = nil
        var refused = 0
        closing: while refused < 1024 {
            do throws(SystemError) {
                guard try socket.accept() != nil else { break closing }
                refused += 1
            } catch {
                break closing
            }
        }
        broker.metrics.connectionsRefused.add(refused)
        do throws(SystemError) { reserve = try Poller() } catch { reserve = nil }
        isPaused = true
        loop.setInterest([], of: self, token: token)
        _ = loop.addTimer(at: loop.now + 100) { [weak self] in
            guard let self, loop.channel(token) != nil else { return }
            isPaused = false
            loop.setInterest(.read, of: self, token: token)
        }
    }

    func sweep(now: Int64) {}
    func flush() {}
    func drain() { loop.remove(token) }
    func channelClosed() { isPaused = true }
}
