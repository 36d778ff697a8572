package import VarveLog
package import VarvePlatform

/// A Kafka broker inside this process: durable topics in a directory, served over sockets, over
/// the calls of this class, or both.
///
/// Any call from any thread. Calls block their thread; those that write return when what they
/// wrote is on disk.
public final class Broker: Sendable {
    private let configuration: BrokerConfiguration
    private let settings: BrokerSettings
    private let topicDefaults: TopicConfiguration
    private let listeners: [ListenerAddress]
    private let advertised: AdvertisedAddresses
    private let tls: TLSSettings?
    private let access: AccessPlan
    private let httpEndpoint: Endpoint?
    private let disk: any Disk
    private let clock: any Clock
    private let logger: Logger
    private let limits: ConnectionLimits
    private let running = Lock<RunningBroker?>(nil)

    /// Checks the configuration; nothing runs and no file is touched before `start`.
    /// - Throws: `.badSetting`, `.badAddress`.
    public convenience init(_ configuration: BrokerConfiguration) throws(BrokerError) {
        try self.init(
            configuration, disk: PosixDisk(), clock: SystemClock(), logger: Logger("broker"))
    }

    /// The same with the disk, the clock and the log given: for the command line and for tests.
    package convenience init(
        _ configuration: BrokerConfiguration, disk: any Disk, clock: any Clock, logger: Logger
    ) throws(BrokerError) {
        try self.init(configuration, disk: disk, clock: clock, logger: logger, limits: nil)
    }

    init(
        _ configuration: BrokerConfiguration, disk: any Disk, clock: any Clock, logger: Logger,
        limits: ConnectionLimits?
    ) throws(BrokerError) {
        self.configuration = configuration
        settings = try BrokerSettings(configuration.settings)
        topicDefaults = try TopicDefaults.configuration(settings)
        var addresses: [ListenerAddress] = []
        for address in configuration.listen { addresses.append(try ListenerAddress(address)) }
        listeners = addresses
        advertised = try AdvertisedAddresses(configuration.advertised, listeners: addresses)
        tls = try settings.tls(listeners: addresses)
        access = try settings.access()
        httpEndpoint = try configuration.http.map { (text) throws(BrokerError) in
            try Self.endpoint(text)
        }
        self.disk = disk
        self.clock = clock
        self.logger = logger
        self.limits = limits ?? ConnectionLimits(settings)
    }

    /// A broker that its program forgot stops as well.
    deinit {
        do throws(BrokerError) { try stop() } catch {
            logger.error("stopping failed", ["error": error])
        }
    }

    private static func endpoint(_ text: String) throws(BrokerError) -> Endpoint {
        guard let endpoint = Endpoint(text) else {
            throw .badAddress(text, reason: "expected HOST:PORT, as in 127.0.0.1:9092")
        }
        return endpoint
    }

    /// Opens the data directory, recovering what a crash left, and begins to listen. On return
    /// clients can connect. Does nothing when the broker runs.
    /// - Throws: `.cannotOpen`, `.cannotListen`, `.badSetting` for a certificate or key that
    ///   cannot be used, `.noResources`; nothing runs then.
    public func start() throws(BrokerError) {
        try running.withLock { (running) throws(BrokerError) in
            guard running == nil else { return }
            running = try RunningBroker(
                plan: RunningBroker.Plan(
                    dataDirectory: configuration.dataDirectory, listen: listeners,
                    advertised: advertised, tls: tls, access: access, http: httpEndpoint,
                    settings: settings, topicDefaults: topicDefaults, limits: limits),
                disk: disk, clock: clock, logger: logger)
        }
    }

    /// Stops: refuses new connections, answers what is under way for at most five seconds, syncs
    /// everything and leaves a mark of the clean stop. Does nothing when the broker does not run.
    /// - Throws: `.disk` when the last sync failed; the broker has stopped all the same, and
    ///   recovers at its next start.
    public func stop() throws(BrokerError) {
        let stopping = running.withLock { running in
            defer { running = nil }
            return running
        }
        try stopping?.stop()
    }

    /// The port of the first Kafka listener; 0 when there is none or the broker does not run.
    public var port: Int { running.withLock { $0?.state.listeners.first?.endpoint.port ?? 0 } }

    /// The port of the HTTP server; 0 when there is none or the broker does not run.
    public var httpPort: Int { running.withLock { $0?.httpPort ?? 0 } }

    /// What recovery found at the start; nil when the broker does not run.
    package var recovery: RecoveryReport? { running.withLock { $0?.state.directory.recovery } }

    /// What the broker's parts share while it runs.
    /// - Throws: `.notRunning`.
    package func state() throws(BrokerError) -> BrokerState {
        guard let state = running.withLock({ $0?.state }) else { throw .notRunning }
        return state
    }
}
