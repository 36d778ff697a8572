internal import VarveDelivery
internal import VarvePlatform

/// A replay through a worker's transforms into its sink.
final class ReplaySink: ReplayTarget {
    private let configuration: WorkerConfiguration
    private let logger: Logger
    private let pipeline: TransformPipeline
    private let sink = Lock<(any Sink)?>(nil)
    private let known = Lock<Set<Int32>>([])

    init(_ configuration: WorkerConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        pipeline = TransformPipeline(configuration.transforms)
    }

    var description: String {
        "the \(configuration.sink.type) sink of worker \(configuration.name)"
    }

    func begin() async throws(CommandError) {
        do throws(SinkError) {
            let made = try makeSink(configuration.sink, logger: logger)
            sink.withLock { $0 = made }
        } catch {
            throw .failed("\(error)")
        }
    }

    func deliver(_ events: [Event]) async throws(CommandError) -> ReplayOutcome {
        guard let first = events.first, let sink = sink.withLock({ $0 }) else {
            return ReplayOutcome()
        }
        if known.withLock({ $0.insert(first.partition).inserted }) {
            await sink.assigned(topic: first.topic, partition: first.partition)
        }
        var outcome = ReplayOutcome()
        var waiting: [Event] = []
        for event in events {
            do throws(TransformError) {
                if let result = try pipeline.apply(event) {
                    waiting.append(result)
                } else {
                    outcome.dropped += 1
                }
            } catch {
                outcome += ReplayOutcome(refused: 1, firstReason: "\(event.identity): \(error)")
            }
        }
        var delay = configuration.retry.firstMilliseconds
        var attempts = 0
        while !waiting.isEmpty {
            let verdicts = await sink.deliver(waiting)
            var again: [Event] = []
            var reason = ""
            for (event, verdict) in zip(waiting, verdicts) {
                switch verdict {
                case .delivered: outcome.delivered += 1
                case .deadLetter(let why):
                    outcome += ReplayOutcome(refused: 1, firstReason: "\(event.identity): \(why)")
                case .retry(let why):
                    again.append(event)
                    reason = why.text
                case .pause(let why):
                    throw .failed("\(description) needs somebody to look: \(why)")
                }
            }
            waiting = again
            if waiting.isEmpty { break }
            attempts += 1
            // A person waits here, unlike in a worker: a sink that is away for long ends it.
            guard attempts < 10 else {
                throw .failed("\(description) did not take events in \(attempts) tries: \(reason)")
            }
            logger.warning("sink not ready", ["reason": reason, "delay_ms": delay])
            do {
                try await Task.sleep(for: .milliseconds(delay))
            } catch {
                throw CommandError.failed("stopped")
            }
            delay = min(delay * 2, configuration.retry.maxMilliseconds)
        }
        return outcome
    }

    func end() async throws(CommandError) { await abandon() }

    func abandon() async {
        let sink = sink.withLock { sink in
            defer { sink = nil }
            return sink
        }
        await sink?.close()
    }
}
