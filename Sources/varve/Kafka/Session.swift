internal import VarveClient
internal import VarvePlatform
internal import VarveWire

/// A command's connection to a broker: any broker that speaks the Kafka protocol.
struct Session: Sendable {
    /// The flags that every command with a session has.
    static let options: [Option] = [.bootstrap, .config, .timeout, .logLevel] + ClientTLS.options

    let cluster: Cluster
    let admin: Admin
    let bootstrap: [Endpoint]

    /// Opens a session as the flags say, gives it to `body`, and closes it.
    static func open<Result>(
        _ arguments: Arguments, _ body: (Session) async throws(CommandError) -> Result
    ) async throws(CommandError) -> Result {
        let brokers = try BrokerAddresses(arguments)
        var configuration = ClientConfiguration(
            bootstrap: brokers.endpoints,
            clientID: "varve-\(arguments.command.filter { $0 != " " })",
            logger: try arguments.logger("client", default: .warning))
        configuration.tls = try brokers.tls?.identity()
        let timeout = try arguments.integer(.timeout, in: 1...3_600_000) ?? 10_000
        configuration.callTimeoutMilliseconds = timeout
        configuration.connectTimeoutMilliseconds = min(timeout, 10_000)
        configuration.requestTimeoutMilliseconds = max(timeout, 30_000)
        let cluster = Cluster(configuration)
        let session = Session(cluster: cluster, admin: Admin(cluster), bootstrap: brokers.endpoints)
        let outcome: Swift.Result<Result, CommandError>
        do throws(CommandError) {
            outcome = .success(try await body(session))
        } catch {
            outcome = .failure(error)
        }
        await cluster.close()
        return try outcome.get()
    }

    /// Runs a call to the broker; its failure becomes the command's, with what to do about it.
    func asking<Result>(
        _ body: () async throws(ClientError) -> Result
    ) async throws(CommandError) -> Result {
        do throws(ClientError) {
            return try await body()
        } catch {
            throw failure(error)
        }
    }

    /// `error` as the end of the command.
    func failure(_ error: ClientError) -> CommandError {
        let place = bootstrap.map(\.description).joined(separator: ", ")
        switch error {
        case .tls(let error):
            return .failed("no TLS with the broker at \(place): \(error)")
        case .io, .timedOut:
            return .failed("no answer from the broker at \(place): \(error)")
        case .kafka(let code, let what) where code == .unknownTopicOrPartition:
            return .failed(what.isEmpty ? "no such topic" : "\(what): no such topic or partition")
        default:
            return .failed("\(error)")
        }
    }

    /// The descriptions of the topics named, every one of which must exist.
    func topics(_ names: [String]) async throws(CommandError) -> [TopicDescription] {
        let found = try await asking { () throws(ClientError) in
            try await admin.topics(names)
        }
        for name in names {
            let topic = found.first { $0.name == name }
            if let topic, topic.error == .none { continue }
            if topic == nil || topic!.error == .unknownTopicOrPartition {
                throw .failed(try await missing(name))
            }
            throw failure(.kafka(topic!.error, "topic \(name)"))
        }
        return found
    }

    /// What to say of a topic that is not there.
    private func missing(_ name: String) async throws(CommandError) -> String {
        let all = try await asking { () throws(ClientError) in try await admin.topics() }
        return "there is no topic \"\(name)\"" + NearestName.hint(name, in: all.map(\.name))
    }

    /// First and next offsets of `partitions`.
    func ends(
        _ partitions: [TopicPartition]
    ) async throws(CommandError) -> [TopicPartition: (start: Int64, end: Int64)] {
        func ask(
            _ query: OffsetQuery
        ) async throws(CommandError) -> [TopicPartition: ListedOffset] {
            try await asking { () throws(ClientError) in
                try await admin.listOffsets(
                    Dictionary(uniqueKeysWithValues: partitions.map { ($0, query) }))
            }
        }
        let starts = try await ask(.earliest)
        let ends = try await ask(.latest)
        var result: [TopicPartition: (start: Int64, end: Int64)] = [:]
        for partition in partitions {
            guard let start = starts[partition], let end = ends[partition] else { continue }
            result[partition] = (start.offset, end.offset)
        }
        return result
    }
}

extension TopicDescription {
    var topicPartitions: [TopicPartition] {
        partitions.map { TopicPartition(topic: name, partition: $0.partition) }
    }
}
