internal import VarveBroker
internal import VarvePlatform

/// `varve broker`: the broker alone, in this process.
enum BrokerCommand {
    private static let data = Option(
        "--data", "-d", value: "DIR", help: "the data directory; made when there is none")
    private static let listen = Option(
        "--listen", "-l", value: "ADDRESS", repeats: true,
        help: "where to serve Kafka, HOST:PORT or SSL://HOST:PORT; 127.0.0.1:9092 by default")
    private static let advertised = Option(
        "--advertised", value: "ADDRESS", repeats: true,
        help: "what to tell clients to connect to, HOST:PORT or SSL://HOST:PORT")
    private static let http = Option(
        "--http", value: "HOST:PORT", help: "where to serve metrics, health and status")
    private static let set = Option(
        "--set", value: "NAME=VALUE", repeats: true,
        help: "a broker setting by Kafka's name, such as num.partitions=3")

    static let command = Command(
        "broker", summary: "Run the broker alone.",
        discussion:
            "From flags alone, or from a configuration file that --config names, in which case\n"
            + "flags win over the file. SIGTERM and SIGINT stop it cleanly.",
        options: [data, listen, advertised, http, set, .config, .logLevel, .parent],
        examples: [
            "varve broker --data /var/lib/varve --listen 0.0.0.0:9092 --http 127.0.0.1:9644",
            "varve broker -d data -l SSL://0.0.0.0:9093 --set ssl.keystore.location=broker.pem",
        ], run: run)

    @Sendable private static func run(_ arguments: Arguments) async throws(CommandError) {
        let configuration = try configuration(arguments)
        let logger = try arguments.logger("broker")
        let isStopping = Lock(false)
        // Before the start, which may take long when there is much to recover.
        Interrupts.stopOnce {
            isStopping.withLock { $0 = true }
            isStopping.signal()
        }
        // Recovery, waiting and the clean stop all block: not on a cooperative thread.
        let failure = await Blocking.run("main") { () -> BrokerError? in
            do throws(BrokerError) {
                let broker = try Broker(
                    configuration, disk: PosixDisk(), clock: SystemClock(), logger: logger)
                try broker.start()
                ProcessControl.unmapCodeSoon()
                while isStopping.wait({ $0 ? true : nil }) == nil {}
                logger.info("stopping")
                try broker.stop()
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw Self.failure(failure) }
    }

    /// Wrong settings are the command line's fault, all else the world's.
    private static func failure(_ error: BrokerError) -> CommandError {
        switch error {
        case .badSetting, .badAddress: .usage("\(error)")
        default: .failed("\(error)")
        }
    }

    private static func configuration(
        _ arguments: Arguments
    ) throws(CommandError) -> BrokerConfiguration {
        // Only a file that is asked for: a broker from flags must not depend on where it is run.
        let file = arguments.has(.config) ? try arguments.configuration() : nil
        guard let directory = arguments.string(data) ?? file?.dataDirectory else {
            throw .usage("broker needs --data DIR, or a --config FILE that names one")
        }
        var settings = file?.settings ?? [:]
        settings.merge(try arguments.pairs(set)) { $1 }
        let addresses = arguments.strings(listen)
        let told = arguments.strings(advertised)
        return BrokerConfiguration(
            dataDirectory: directory,
            listen: addresses.isEmpty ? file?.listen ?? ["127.0.0.1:9092"] : addresses,
            advertised: told.isEmpty ? file?.advertised : told.joined(separator: ","),
            http: arguments.string(http) ?? file?.http, settings: settings)
    }
}
