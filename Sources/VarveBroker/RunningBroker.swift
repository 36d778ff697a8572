internal import VarveLog
internal import VarvePlatform

/// A broker between its start and its stop: the data directory, the threads, the sockets.
final class RunningBroker: Sendable {
    /// What a start needs, checked.
    struct Plan {
        let dataDirectory: String
        let listen: [ListenerAddress]
        let advertised: AdvertisedAddresses
        let tls: TLSSettings?
        let access: AccessPlan
        let http: Endpoint?
        let settings: BrokerSettings
        let topicDefaults: TopicConfiguration
        let limits: ConnectionLimits
    }

    /// How long `stop` waits for answers under way, in milliseconds.
    private static let drainMilliseconds: Int64 = 5000
    /// HTTP connections at once: monitoring needs a few.
    private static let httpConnectionsMax = 256

    let state: BrokerState
    let httpPort: Int
    private let loops: [EventLoop]
    private let housekeeping: HousekeepingThread
    private let compaction: CompactionThread
    private let scrubbing: ScrubThread
    private let logger: Logger

    /// Opens, recovers, listens. On an error everything that was begun has been ended.
    init(
        plan: Plan, disk: any Disk, clock: any Clock, logger: Logger
    ) throws(BrokerError) {
        self.logger = logger
        // Sockets first: a port that is taken must not cost a recovery.
        let tls = try Self.identity(plan.tls, now: clock.wallMilliseconds(), logger: logger)
        var bound: [Bound] = []
        for address in plan.listen { bound.append(try Self.listen(address.endpoint)) }
        let boundHTTP = try plan.http.map { (endpoint) throws(BrokerError) in
            try Self.listen(endpoint)
        }
        let loops = try Self.makeLoops(plan.settings, clock: clock, logger: logger)
        let directory = try Self.open(plan, disk: disk, clock: clock, logger: logger)
        let state = BrokerState(
            settings: plan.settings, access: plan.access, directory: directory,
            limits: plan.limits, tls: tls, clock: clock, logger: logger)
        self.state = state
        self.loops = loops
        // Before the first request: a group that is not there yet would be taken for none.
        try Self.loadState(of: state)
        state.groups.load()
        state.transactions.load()
        do throws(SystemError) {
            for (index, listener) in bound.enumerated() {
                try Self.serveKafka(
                    listener, plan.listen[index].security, on: loops[index % loops.count],
                    loops: loops, plan: plan, state: state)
            }
            if let boundHTTP { try Self.serveHTTP(boundHTTP, loop: loops[0], state: state) }
        } catch {
            state.admin.stop()
            state.repairs.stop()
            state.transactionThread.stop()
            throw .noResources("cannot listen: \(error)")
        }
        httpPort = boundHTTP?.port ?? 0
        housekeeping = HousekeepingThread(state)
        compaction = CompactionThread(state)
        scrubbing = ScrubThread(state)
        for loop in loops { loop.start() }
        for address in state.listeners { logger.info("listening", ["address": address]) }
        if let http = plan.http {
            logger.info("serving HTTP", ["address": Endpoint(host: http.host, port: httpPort)])
        }
    }

    /// Ends everything in the order that loses nothing: no new work, answers out, threads, disk.
    func stop() throws(BrokerError) {
        state.beginStopping()
        // Thousands of topics may be in the making: the stop does not wait for them.
        state.directory.refuseChanges()
        // Members that wait are sent away; their answers are part of what is drained.
        state.groups.stop()
        state.transactions.stop()
        for loop in loops { loop.post { loop.drainAll() } }
        let deadline = state.clock.monotonicMilliseconds() + Self.drainMilliseconds
        let left = Lock(0)
        repeat {
            left.withLock { $0 = loops.count }
            let open = Lock(0)
            for loop in loops {
                loop.post {
                    open.withLock { $0 += loop.channelCount }
                    left.withLock { $0 -= 1 }
                    left.signal()
                }
            }
            _ = left.wait(timeoutMilliseconds: 1000) { $0 == 0 ? true : nil }
            if open.withLock({ $0 }) == 0 { break }
            // Nothing signals here: the wait is the pause between two looks.
            _ = open.wait(timeoutMilliseconds: 10) { _ in Bool?.none }
        } while state.clock.monotonicMilliseconds() < deadline
        compaction.stop()
        housekeeping.stop()
        scrubbing.stop()
        state.repairs.stop()
        state.admin.stop()
        state.transactionThread.stop()
        for loop in loops { loop.stop() }
        do throws(LogError) {
            try state.directory.close(now: state.clock.wallMilliseconds())
        } catch {
            logger.error("the last sync failed", ["error": error])
            throw .disk("\(error)")
        }
        logger.info("stopped")
    }

    // MARK: - Private

    /// A socket that listens, and where.
    private struct Bound {
        let socket: SocketBox
        let host: String
        let port: Int
    }

    private static func listen(_ endpoint: Endpoint) throws(BrokerError) -> Bound {
        do throws(SystemError) {
            let socket = try Socket.listen(endpoint)
            let port = socket.localPort
            return Bound(socket: SocketBox(socket), host: endpoint.host, port: port)
        } catch {
            var reason = "\(error)"
            if error.errno == SystemError.eaddrinuse {
                reason =
                    "another program listens there (see it with: ss -ltnp sport = "
                    + ":\(endpoint.port)); stop it or choose another address"
            } else if error.errno == SystemError.eacces {
                reason = "ports below 1024 need the right to bind them; choose another port"
            } else if error.errno == SystemError.eaddrnotavail {
                reason = "this machine has no such address"
            }
            throw .cannotListen("\(endpoint)", reason: reason)
        }
    }

    /// What clients have changed of settings, quotas and access rules in earlier runs.
    private static func loadState(of state: BrokerState) throws(BrokerError) {
        let now = state.clock.wallMilliseconds()
        do throws(LogError) {
            try state.live.load(now: now)
            try state.quotas.load(now: now)
            try state.authorizer?.load(now: now)
            try state.groups.configurations.load(now: now)
        } catch {
            state.admin.stop()
            state.repairs.stop()
            state.transactionThread.stop()
            throw .cannotOpen(directory: state.directory.path, reason: "\(error)")
        }
    }

    private static func makeLoops(
        _ settings: BrokerSettings, clock: any Clock, logger: Logger
    ) throws(BrokerError) -> [EventLoop] {
        let asked = settings.int("num.network.threads")
        var loops: [EventLoop] = []
        do throws(SystemError) {
            for index in 0..<(asked == 0 ? ProcessControl.processorCount : asked) {
                loops.append(
                    try EventLoop(name: "varve-loop-\(index)", clock: clock, logger: logger))
            }
        } catch {
            throw .noResources("cannot make an event loop: \(error)")
        }
        return loops
    }

    private static func open(
        _ plan: Plan, disk: any Disk, clock: any Clock, logger: Logger
    ) throws(BrokerError) -> DataDirectory {
        var options = DataDirectoryOptions()
        options.topicDefaults = plan.topicDefaults
        options.commit = .threads(syncers: plan.settings.int("varve.sync.threads"))
        options.syncedTogetherMin = plan.settings.int("varve.sync.together.min")
        options.journalBytes = plan.settings.integer("varve.journal.bytes")
        options.partitionsMax = plan.settings.int("varve.partitions.max")
        options.reserveBytes = plan.settings.integer("varve.disk.reserve.bytes")
        let quota = plan.settings.integer("varve.log.quota.bytes")
        options.quotaBytes = quota < 0 ? nil : quota
        options.quotaWarningPercent = plan.settings.int("varve.quota.warning.percent")
        let files = plan.settings.int("varve.open.files.max")
        options.openFilesMax = files == 0 ? defaultOpenFilesMax : files
        options.producerExpiryMilliseconds = plan.settings.integer("producer.id.expiration.ms")
        options.nodeID = Int32(plan.settings.int("node.id"))
        let directory: DataDirectory
        do throws(LogError) {
            directory = try DataDirectory.open(
                path: plan.dataDirectory, disk: disk, options: options,
                now: clock.wallMilliseconds(), logger: logger.part("log"))
            guard plan.settings.isSet("node.id"), directory.nodeID != options.nodeID else {
                return directory
            }
            try directory.close(now: clock.wallMilliseconds())
        } catch {
            var reason = "\(error)"
            switch error {
            case .directoryLocked:
                reason += "; stop that broker, or choose another directory"
            case .newerFormat: reason += "; use a newer Varve"
            case .io(let system) where system.errno == SystemError.eacces:
                reason += "; run as the user who owns it, or choose another directory"
            case .full: reason += "; make space on that file system"
            default: break
            }
            throw .cannotOpen(directory: plan.dataDirectory, reason: reason)
        }
        throw .badSetting(
            name: "node.id",
            reason: "\(plan.dataDirectory) belongs to broker \(directory.nodeID); "
                + "leave the setting out, or choose another directory")
    }

    /// Half of what the process may open: connections need the rest. At most as many as a machine
    /// can make use of.
    private static var defaultOpenFilesMax: Int {
        min(100_000, max(16, ProcessControl.descriptorLimit / 2))
    }

    private static func serveKafka(
        _ bound: Bound, _ security: ListenerAddress.Security, on loop: EventLoop,
        loops: [EventLoop], plan: Plan, state: BrokerState
    ) throws(SystemError) {
        guard let socket = bound.socket.take() else { return }
        let own = Endpoint(host: bound.host, port: bound.port)
        let advertised = plan.advertised[security]
        let tls = security == .ssl ? state.tls : nil
        let handshakesMax = state.handshakes.bytesMax
        let isWildcard = ["0.0.0.0", "::", "*"].contains(bound.host)
        state.addListener(ListenerAddress(own, security), advertised: advertised)
        _ = try Listener(
            socket: socket, loop: loop, loops: loops, broker: state,
            connections: state.connectionCount
        ) { socket, loop in
            let here =
                advertised
                ?? (isWildcard ? Endpoint(host: socket.localHost, port: own.port) : own)
            // Each loop has a share: what another one holds could not be closed from here.
            if tls != nil && loop.handshakeCount >= max(1, handshakesMax / loops.count) {
                Connection.closeOldestHandshake(on: loop)
            }
            let connection = Connection(
                socket: socket, advertised: here, tls: tls?.context, loop: loop, broker: state)
            do throws(SystemError) {
                try loop.add(connection, token: connection.token)
            } catch {
                state.logger.warning("cannot watch a new connection", ["error": error])
                connection.channelClosed()
            }
        }
    }

    private static func serveHTTP(
        _ bound: Bound, loop: EventLoop, state: BrokerState
    ) throws(SystemError) {
        guard let socket = bound.socket.take() else { return }
        let connections = MemoryBudget(bytesMax: httpConnectionsMax)
        _ = try Listener(
            socket: socket, loop: loop, loops: [loop], broker: state, connections: connections,
            makeRoom: { HTTPConnection.closeLongestSilent(on: loop) }
        ) { socket, loop in
            let connection = HTTPConnection(
                socket: socket, loop: loop, broker: state, connections: connections)
            do throws(SystemError) {
                try loop.add(connection, token: connection.token)
            } catch {
                state.logger.warning("cannot watch a new HTTP connection", ["error": error])
                connection.channelClosed()
            }
        }
    }
}
