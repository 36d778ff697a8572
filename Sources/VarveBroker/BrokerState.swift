internal import Synchronization
package import VarveLog
package import VarvePlatform

/// What all connections and handlers of one broker share. Thread-safe.
package final class BrokerState: Sendable {
    package let directory: DataDirectory
    /// The settings, with what was changed of them since the start.
    let live: LiveSettings
    package let clock: any Clock
    package let logger: Logger
    package let metrics = Metrics()
    /// Consumer groups and their offsets.
    package let groups: GroupCoordinator
    /// Transactional producers and their transactions.
    package let transactions: TransactionCoordinator
    /// Where the transaction coordinator writes and waits.
    let transactionThread = AdminThread("varve-txn")
    private let started: Int64
    private let stopping = Atomic<Bool>(false)
    private let bound = Lock<[(own: ListenerAddress, told: ListenerAddress)]>([])
    /// For what takes several syncs.
    let admin = AdminThread("varve-admin")
    /// Partitions reopened and verified on command.
    let repairs: RepairJobs
    let partitionWatches = PartitionWatches()
    /// Quotas of clients, and what clients have used of them.
    let quotas: ClientQuotas
    /// What clients may do; nil where everybody may do everything.
    let authorizer: Authorizer?
    /// What clients with certificates are called.
    let principalMapping: PrincipalMapping
    let fetchSessions: FetchSessionCache
    let connectionLimits: ConnectionLimits
    /// Memory for large requests while they arrive (`queued.max.request.bytes`).
    let frameMemory: MemoryBudget
    /// The one place beyond that budget, see `FrameMemory`.
    let frameMemoryExtra = MemoryBudget(bytesMax: 1)
    /// Requests that wait for their answers, beyond those that each connection has for itself.
    let pipelined: MemoryBudget
    /// Answered bytes that clients have not taken.
    let responseMemory: MemoryBudget
    /// Bounds the log lines about connections closed for what they sent.
    let refusalLines = LogLimiter(linesPerSecond: 10)
    /// Connections open now (`max.connections`).
    let connectionCount: MemoryBudget
    /// TLS handshakes that have begun and not ended (`varve.ssl.handshakes.max`).
    let handshakes: MemoryBudget
    /// What SSL listeners show their clients; nil when there is none.
    let tls: TLSIdentity?

    init(
        settings: BrokerSettings, access: AccessPlan, directory: DataDirectory,
        limits: ConnectionLimits? = nil, tls: TLSIdentity? = nil, clock: any Clock,
        logger: Logger
    ) {
        self.directory = directory
        live = LiveSettings(settings, directory: directory, logger: logger)
        quotas = ClientQuotas(
            file: directory.stateFile(ClientQuotas.fileName),
            burstSeconds: Double(
                max(1, settings.int("quota.window.num") - 1)
                    * settings.int("quota.window.size.seconds")),
            logger: logger)
        authorizer = access.authorizer.map {
            Authorizer($0, directory: directory, clock: clock, logger: logger.part("access"))
        }
        principalMapping = access.principalMapping
        fetchSessions = FetchSessionCache(
            slots: settings.int("max.incremental.fetch.session.cache.slots"))
        self.clock = clock
        self.logger = logger
        groups = GroupCoordinator(
            directory: directory, clock: clock, settings: GroupSettings(settings),
            logger: logger.part("groups"))
        transactions = TransactionCoordinator(
            directory: directory, groups: groups, clock: clock,
            settings: TransactionSettings(settings), logger: logger.part("transactions")
        ) { [transactionThread] in transactionThread.run($0) }
        repairs = RepairJobs(clock: clock, logger: logger)
        started = clock.monotonicMilliseconds()
        connectionLimits = limits ?? ConnectionLimits(settings)
        frameMemory = MemoryBudget(bytesMax: settings.int("queued.max.request.bytes"))
        pipelined = MemoryBudget(bytesMax: connectionLimits.requestsInFlightSharedMax)
        responseMemory = MemoryBudget(bytesMax: settings.int("varve.queued.max.response.bytes"))
        connectionCount = MemoryBudget(bytesMax: settings.int("max.connections"))
        handshakes = MemoryBudget(bytesMax: settings.int("varve.ssl.handshakes.max"))
        self.tls = tls
    }

    /// The settings in force now.
    package var settings: BrokerSettings { live.settings }
    /// What topics have that they do not set themselves.
    package var topicDefaults: TopicConfiguration { directory.topicDefaults }
    /// The most a Fetch response carries (`fetch.max.bytes`).
    var fetchBytesMax: Int { live.fetchBytesMax }

    /// Where clients reach this broker: each listener's address with the port it really has.
    var listeners: [ListenerAddress] { bound.withLock { $0.map(\.own) } }

    /// Where clients are told to come to: for each listener the address that is advertised, and
    /// its own where none is. (Clients of a listener on all addresses are told the one they came
    /// in by.)
    var advertisedListeners: [ListenerAddress] { bound.withLock { $0.map(\.told) } }

    func addListener(_ address: ListenerAddress, advertised: Endpoint?) {
        let told = advertised.map { ListenerAddress($0, address.security) }
        bound.withLock { $0.append((own: address, told: told ?? address)) }
    }

    var uptimeMilliseconds: Int64 { clock.monotonicMilliseconds() - started }

    /// The broker stops: what waits for more data or for time is answered with what there is.
    package var isStopping: Bool { stopping.load(ordering: .acquiring) }

    func beginStopping() {
        stopping.store(true, ordering: .releasing)
        partitionWatches.wakeAll()
    }
}
