internal import VarveClient
internal import VarveDelivery
internal import VarvePlatform
internal import VarveWire

/// `varve up`: the broker and every configured worker, each as a supervised process.
enum UpCommand {
    static let command = Command(
        "up", summary: "Run the broker and all configured workers.",
        discussion:
            "Each runs as a process of its own and is started again when it fails.\n"
            + "SIGTERM or SIGINT stops the workers, then the broker; a second one kills them.",
        options: [.config, .logLevel], examples: ["varve init && varve up"], run: run)

    @Sendable private static func run(_ arguments: Arguments) async throws(CommandError) {
        let configuration = try arguments.configuration()
        let logger = try arguments.logger("up")
        let directory = RunDirectory(dataDirectory: configuration.dataDirectory)
        let startedAt = SystemClock().wallMilliseconds()
        let reports = Reports(directory, startedAt: startedAt, logger)
        let common = [
            Option.config.name, configuration.path,
            Option.logLevel.name, arguments.string(.logLevel) ?? "info",
            Option.parent.name, String(ProcessControl.identifier),
        ]
        let supervisor = Supervisor(
            broker: ChildProgram(name: "broker", arguments: ["broker"] + common),
            workers: configuration.workers.map { worker in
                let report = [
                    WorkerCommand.statusFile.name, directory.workerFile(worker.name),
                ]
                return ChildProgram(
                    name: "worker \(worker.name)",
                    arguments: ["worker", worker.name] + common + report)
            },
            logger: logger, isReady: { isReady(configuration, process: $0) },
            ready: {
                ProcessControl.unmapCodeSoon()
                reports.begin()
                createTopics(configuration, logger)
                logger.info(
                    "ready",
                    [
                        "kafka": configuration.listen.joined(separator: ","),
                        "http": configuration.http ?? "none",
                        "workers": configuration.workers.count,
                    ])
            }, changed: { reports.write($0) })
        Interrupts.handle { _ in supervisor.stop() }
        if let ending = await Blocking.run("supervisor", { supervisor.run() }) {
            throw .failed("the broker ended before it was ready: \(ending)")
        }
    }

    /// Whether the broker answers on its own ports, which it opens before it has recovered its
    /// log. Refused connections are what one sees until then, and not worth a word.
    private static func isReady(_ configuration: Configuration, process: Int32) -> Bool {
        if let http = configuration.http.flatMap({ Endpoint($0) }) {
            do throws(CommandError) {
                // Another broker on these ports answers too, before ours has failed to get them.
                return try BrokerHTTP(endpoint: http.reachable)
                    .get("/status", as: BrokerStatus.self).process.pid == process
            } catch {
                return false
            }
        }
        // Without HTTP nothing says who answers. Who could not get the port has ended by then.
        Blocking.pause(milliseconds: 500)
        return Blocking.wait {
            var isReady = true
            var client = ClientConfiguration(
                bootstrap: configuration.bootstrap, clientID: "varve-up")
            client.callTimeoutMilliseconds = 1000
            do throws(CommandError) {
                client.tls = try configuration.clientTLS?.identity()
            } catch {
                // Told when the topics are made; here it means only that it is not ready.
                return false
            }
            let cluster = Cluster(client)
            do throws(ClientError) {
                _ = try await cluster.metadata(topics: [])
            } catch {
                isReady = false
            }
            await cluster.close()
            return isReady && ProcessControl.send(0, to: process)
        }
    }

    /// Creates the declared topics that are not there, and gives the others their declared number
    /// of partitions: a producer that came first has made its topic with the default number. A
    /// failure is told and not more: the broker and the workers of other topics can do without.
    private static func createTopics(_ configuration: Configuration, _ logger: Logger) {
        guard !configuration.topics.isEmpty else { return }
        let problem: String? = Blocking.wait {
            var client = ClientConfiguration(
                bootstrap: configuration.bootstrap, clientID: "varve-up")
            do throws(CommandError) {
                client.tls = try configuration.clientTLS?.identity()
            } catch {
                return "\(error)"
            }
            let cluster = Cluster(client)
            let admin = Admin(cluster)
            var problem: String?
            do throws(ClientError) {
                let results = try await admin.createTopics(
                    configuration.topics.map { topic in
                        NewTopic(
                            topic.name, partitions: Int32(topic.partitions ?? -1),
                            configuration: topic.config)
                    })
                for result in results {
                    guard let error = result.error else {
                        logger.info("created a topic", ["topic": result.name])
                        continue
                    }
                    if case .kafka(.topicAlreadyExists, _) = error {
                        try await addPartitions(to: result.name, configuration, admin, logger)
                        continue
                    }
                    logger.error(
                        "cannot create a topic", ["topic": result.name, "error": "\(error)"])
                }
            } catch {
                problem = "\(error)"
            }
            await cluster.close()
            return problem
        }
        if let problem { logger.error("cannot create the topics", ["error": problem]) }
    }

    private static func addPartitions(
        to name: String, _ configuration: Configuration, _ admin: Admin, _ logger: Logger
    ) async throws(ClientError) {
        guard let wanted = configuration.topics.first(where: { $0.name == name })?.partitions,
            let count = try await admin.topics([name]).first?.partitions.count
        else { return }
        if count < wanted {
            try await admin.createPartitions(name, total: Int32(wanted))
            logger.info("added partitions", ["topic": name, "from": count, "to": wanted])
        } else if count > wanted {
            logger.warning(
                "a topic has more partitions than the configuration says; they stay",
                ["topic": name, "has": count, "configured": wanted])
        }
    }

    /// Writes the children's states, from the time on when the broker has made its directory.
    private final class Reports: Sendable {
        private struct State {
            var hasBegun = false
            var last: [ChildState] = []
        }
        private let directory: RunDirectory
        private let startedAt: Int64
        private let logger: Logger
        private let state = Lock(State())

        init(_ directory: RunDirectory, startedAt: Int64, _ logger: Logger) {
            self.directory = directory
            self.startedAt = startedAt
            self.logger = logger
        }

        func begin() {
            state.withLock { state in
                state.hasBegun = true
                save(state.last)
            }
        }

        func write(_ children: [ChildState]) {
            state.withLock { state in
                state.last = children
                if state.hasBegun { save(children) }
            }
        }

        private func save(_ children: [ChildState]) {
            do {
                try directory.create()
                try directory.write(
                    RunDirectory.Supervision(
                        process: ProcessControl.identifier, startedAt: startedAt,
                        children: children))
            } catch {
                logger.warning("cannot write the status file", ["error": "\(error)"])
            }
        }
    }
}

extension Endpoint {
    /// The same where one can connect to: a wildcard address listens everywhere and is nowhere.
    var reachable: Endpoint {
        switch host {
        case "0.0.0.0": Endpoint(host: "127.0.0.1", port: port)
        case "::": Endpoint(host: "::1", port: port)
        default: self
        }
    }
}
