internal import VarveClient
package import VarvePlatform
internal import VarveRecords

/// Why a worker ended, or could not start.
package enum WorkerError: Error, Equatable, Sendable, CustomStringConvertible {
    case sink(SinkError)
    /// The cluster refuses the worker for good; the text says why.
    case refused(String)

    package var description: String {
        switch self {
        case .sink(let error): error.description
        case .refused(let reason): reason
        }
    }
}

/// A delivery worker: a member of a consumer group that carries events to one sink.
///
/// Offsets are committed behind the events that have a verdict and never past one without (D1), so
/// a worker that is killed loses nothing: what had no commit comes again, with the same identity
/// (D4). Broker and sink may come and go meanwhile.
package final class Worker: Sendable {
    package let configuration: WorkerConfiguration
    private let bootstrap: [Endpoint]
    private let tls: TLSIdentity?
    private let logger: Logger
    private let sink: any Sink
    private let queue: DeliveryQueue
    private let tally = DeliveryTally()
    private let state = Lock(WorkerStatus.State.starting)

    /// How long one poll waits for records: also the longest that a rebalance waits for a poll.
    private static let pollMilliseconds = 250

    /// - Parameter tls: how the brokers are reached where they want TLS.
    package convenience init(
        configuration: WorkerConfiguration, bootstrap: [Endpoint], tls: TLSIdentity? = nil,
        logger: Logger
    ) throws(WorkerError) {
        let sink: any Sink
        do throws(SinkError) {
            sink = try makeSink(configuration.sink, logger: logger)
        } catch { throw .sink(error) }
        self.init(
            configuration: configuration, bootstrap: bootstrap, tls: tls, sink: sink,
            logger: logger)
    }

    /// A worker with a sink of the caller's.
    package init(
        configuration: WorkerConfiguration, bootstrap: [Endpoint], tls: TLSIdentity? = nil,
        sink: any Sink, logger: Logger
    ) {
        self.configuration = configuration
        self.bootstrap = bootstrap
        self.tls = tls
        self.sink = sink
        self.logger = logger
        queue = DeliveryQueue(
            DeliveryQueue.Limits(
                batch: configuration.batch, lanes: configuration.concurrency,
                inFlightBytes: configuration.inFlightBytes))
    }

    /// Delivers until `stop`. Broker and sink may come and go; only what never gets better throws.
    /// Call it once.
    package func run() async throws(WorkerError) {
        var client = ClientConfiguration(
            bootstrap: bootstrap, clientID: "varve-worker-\(configuration.name)", logger: logger)
        client.tls = tls
        let cluster = Cluster(client)
        let committer = OffsetCommitter(queue: queue, logger: logger)
        let listener = WorkerRebalance(
            queue: queue, sink: sink, committer: committer, logger: logger,
            waitMillisecondsMax: configuration.shutdownMilliseconds)
        let consumer: Consumer
        do throws(ClientError) {
            consumer = try Consumer(cluster, consumerConfiguration, rebalance: listener)
        } catch {
            throw .refused("\(error)")
        }
        committer.attach(consumer)
        let letters = DeadLetterTopic(cluster, name: configuration.deadLetterTopic)
        let delivery = Delivery(
            configuration: configuration, sink: sink, queue: queue, tally: tally, logger: logger
        ) { (record) async throws(ClientError) in
            try await letters.write(record)
        }
        let lanes = (0..<configuration.concurrency).map { lane in
            Task { await delivery.run(lane: lane) }
        }
        let commits = Task { [queue, configuration] in
            while !queue.isStopping {
                await committer.commit()
                await queue.sleep(milliseconds: configuration.commitMilliseconds)
            }
        }
        await read(consumer)
        await finish(lanes)
        await commits.value
        await committer.commit()
        await consumer.close()
        await letters.close()
        await cluster.close()
        await sink.close()
        state.withLock { $0 = .stopped }
        logger.info(
            "stopped", ["delivered": status.delivered, "deadLettered": status.deadLettered])
    }

    /// Lets `run` finish what is in flight, commit, leave the group and return. Any thread, any
    /// number of times; it does not wait.
    package func stop() { queue.stop() }

    /// What has been done so far; any thread.
    package var status: WorkerStatus {
        var status = WorkerStatus(name: configuration.name, group: configuration.group)
        tally.describe(&status)
        queue.describe(&status)
        status.state = state.withLock { $0 }
        if status.state == .running && status.pausedReason != nil { status.state = .paused }
        return status
    }

    private var consumerConfiguration: ConsumerConfiguration {
        var result = ConsumerConfiguration(
            groupID: configuration.group, topics: configuration.topics)
        result.autoOffsetReset = configuration.from == .earliest ? .earliest : .latest
        result.sessionTimeoutMilliseconds = Int64(configuration.sessionTimeoutMilliseconds)
        result.heartbeatIntervalMilliseconds = Int64(configuration.sessionTimeoutMilliseconds / 4)
        result.rebalanceTimeoutMilliseconds = max(
            60_000, Int64(configuration.shutdownMilliseconds) * 2)
        // What is fetched ahead counts as in flight too, so both bounds are kept in proportion.
        result.prefetchBytesMax = min(result.prefetchBytesMax, configuration.inFlightBytes / 2)
        result.fetchBytesMax = min(result.fetchBytesMax, configuration.inFlightBytes / 2)
        result.pollBytesMax = min(result.pollBytesMax, configuration.inFlightBytes / 4)
        return result
    }

    /// Reads until the worker stops.
    private func read(_ consumer: Consumer) async {
        var backoff = Backoff(RetryPolicy(firstMilliseconds: 200, maxMilliseconds: 10_000))
        let clock = SystemClock()
        while !queue.isStopping {
            let version = queue.changed.version
            guard queue.hasRoom else {
                await queue.changed.wait(after: version, milliseconds: 1000)
                continue
            }
            do throws(ClientError) {
                queue.pollBegins()
                let fetched = try await consumer.poll(timeoutMilliseconds: Self.pollMilliseconds)
                queue.accept(fetched, now: clock.monotonicMilliseconds())
                queue.pollEnded()
                backoff.reset()
                if queue.ownsPartitions { state.withLock { $0 = .running } }
                if tally.broker(nil) { logger.info("reading", ["group": configuration.group]) }
            } catch {
                queue.pollEnded()
                if error == .closed && queue.isStopping { return }
                let trouble = Trouble(reason: Reason("\(error)"), isPause: !error.isRetriable)
                if tally.broker(trouble) {
                    logger.warning("cannot read from the broker; trying again", ["error": error])
                }
                await queue.sleep(milliseconds: max(50, backoff.next()))
            }
        }
    }

    /// Waits for the lanes' batches under way; past the configured time they are cut off.
    private func finish(_ lanes: [Task<Void, Never>]) async {
        let limit = configuration.shutdownMilliseconds
        let cutter = Task {
            do {
                try await Task.sleep(for: .milliseconds(limit))
                for lane in lanes { lane.cancel() }
            } catch {
                // The lanes ended in time.
            }
        }
        for lane in lanes { await lane.value }
        cutter.cancel()
    }
}
