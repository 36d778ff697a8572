internal import VarveClient
internal import VarvePlatform
internal import VarveRecords

/// One worker's way from a batch to verdicts: transform, deliver, wait and try again, dead-letter.
///
/// It ends an event's way in the queue only with a verdict on that very event (D1), or gives it
/// back to the log when the worker stops or its partition goes.
final class Delivery: Sendable {
    /// Writes a record to the dead-letter topic; returns when it is durable there.
    typealias DeadLetterWriter = @Sendable (Record) async throws(ClientError) -> Void

    private let configuration: WorkerConfiguration
    private let transforms: TransformPipeline
    private let sink: any Sink
    private let queue: DeliveryQueue
    private let writeDeadLetter: DeadLetterWriter
    private let tally: DeliveryTally
    private let logger: Logger
    private let clock: any Clock

    init(
        configuration: WorkerConfiguration, sink: any Sink, queue: DeliveryQueue,
        tally: DeliveryTally, logger: Logger, clock: any Clock = SystemClock(),
        writeDeadLetter: @escaping DeadLetterWriter
    ) {
        self.configuration = configuration
        transforms = TransformPipeline(configuration.transforms)
        self.sink = sink
        self.queue = queue
        self.tally = tally
        self.logger = logger
        self.clock = clock
        self.writeDeadLetter = writeDeadLetter
    }

    /// Works off one lane until the queue stops.
    func run(lane: Int) async {
        while true {
            let version = queue.changed.version
            switch queue.take(lane: lane, now: clock.monotonicMilliseconds()) {
            case .end: return
            case .wait(let milliseconds):
                await queue.changed.wait(after: version, milliseconds: max(1, milliseconds))
            case .batch(let batch):
                await deliver(batch, lane: lane)
            }
        }
    }

    /// The events under way, as they were read and, at the same places, as the sink gets them.
    private struct Load {
        private(set) var pending: [PendingEvent] = []
        private(set) var events: [Event] = []

        var isEmpty: Bool { pending.isEmpty }
        var count: Int { pending.count }

        init() {}

        /// Events that go to the sink as they are.
        init(_ batch: [PendingEvent]) {
            pending = batch
            events = batch.map(\.event)
        }

        mutating func append(_ pending: PendingEvent, as event: Event) {
            self.pending.append(pending)
            events.append(event)
        }

        /// Keeps the events at these places.
        mutating func keep(_ places: [Int]) {
            pending = places.map { pending[$0] }
            events = places.map { events[$0] }
        }
    }

    private func deliver(_ batch: [PendingEvent], lane: Int) async {
        var load = await transform(batch, lane)
        var backoff = Backoff(configuration.retry)
        var attempts = 0
        while true {
            abandonLost(&load)
            if load.isEmpty { break }
            attempts += 1
            let verdicts = await sink.deliver(load.events)
            let trouble = await settle(&load, verdicts, attempts, lane)
            guard let trouble else {
                tally.recovered(lane: lane)?.log(logger, sink: configuration.sink.type)
                break
            }
            let wait = trouble.isPause ? backoff.paused() : backoff.next()
            if tally.troubled(
                lane: lane, trouble, now: clock.monotonicMilliseconds(), waiting: load.count)
            {
                trouble.log(
                    logger, sink: configuration.sink.type, waiting: load.count,
                    nextTryMilliseconds: wait)
            }
            await pause(wait, while: load.pending)
        }
        // A lane that gave its events away is not in trouble any more.
        _ = tally.recovered(lane: lane)
    }

    /// Runs the transforms; what they drop or cannot take is settled here.
    private func transform(_ batch: [PendingEvent], _ lane: Int) async -> Load {
        if transforms.isEmpty { return Load(batch) }
        var load = Load()
        var dropped: [PendingEvent] = []
        var refused: [(PendingEvent, DeadLetter)] = []
        for pending in batch {
            do throws(TransformError) {
                if let event = try transforms.apply(pending.event) {
                    load.append(pending, as: event)
                } else {
                    dropped.append(pending)
                }
            } catch {
                let letter = DeadLetter(
                    stage: .transformation, reason: Reason(error.text), attempts: 0)
                refused.append((pending, letter))
            }
        }
        tally.dropped(dropped.count)
        queue.end(dropped, .finished)
        await bury(refused, lane)
        return load
    }

    /// Gives events back whose partition went away, or all of them when the worker stops.
    private func abandonLost(_ load: inout Load) {
        let abandoned = queue.abandoned(of: load.pending)
        if abandoned.isEmpty { return }
        queue.end(abandoned.map { load.pending[$0] }, .abandoned)
        load.keep(load.pending.indices.filter { !abandoned.contains($0) })
    }

    /// Ends the way of the events with a verdict; the others stay in `load`.
    /// - Returns: why there are others; nil when there are none.
    private func settle(
        _ load: inout Load, _ verdicts: [Verdict], _ attempts: Int, _ lane: Int
    ) async -> Trouble? {
        var delivered: [Int] = []
        var deliveredBytes = 0
        var refused: [(PendingEvent, DeadLetter)] = []
        var waiting: [Int] = []
        var trouble: Trouble?
        let attemptsMax = configuration.retry.attempts
        delivered.reserveCapacity(load.count)
        for index in load.pending.indices {
            // A sink that answers for fewer events than it was given said nothing on the rest.
            let verdict = index < verdicts.count ? verdicts[index] : .retry("no verdict")
            switch verdict {
            case .delivered:
                delivered.append(index)
                deliveredBytes += load.events[index].value?.count ?? 0
            case .deadLetter(let reason):
                let letter = DeadLetter(stage: .put, reason: reason, attempts: attempts)
                refused.append((load.pending[index], letter))
            case .retry(let reason) where attemptsMax > 0 && attempts >= attemptsMax:
                let gaveUp = Reason(
                    "gave up after \(attempts) attempts: \(reason.text)",
                    httpStatus: reason.httpStatus)
                let letter = DeadLetter(stage: .put, reason: gaveUp, attempts: attempts)
                refused.append((load.pending[index], letter))
            case .retry(let reason):
                waiting.append(index)
                if trouble == nil { trouble = Trouble(reason: reason, isPause: false) }
            case .pause(let reason):
                waiting.append(index)
                if trouble?.isPause != true { trouble = Trouble(reason: reason, isPause: true) }
            }
        }
        tally.delivered(delivered.count, bytes: deliveredBytes)
        tally.retried(waiting.count)
        // Nearly always all of them: then the list is handed on as it is.
        queue.end(
            delivered.count == load.count ? load.pending : delivered.map { load.pending[$0] },
            .finished)
        await bury(refused, lane)
        load.keep(waiting)
        return trouble
    }

    /// How many dead letters are written at once: the producer makes one batch of them, and one
    /// sync of the broker carries all.
    private static let lettersAtOnce = 100

    /// Writes dead letters; each ends its event's way when it is durable and not before.
    private func bury(_ letters: [(PendingEvent, DeadLetter)], _ lane: Int) async {
        guard let first = letters.first else { return }
        logger.warning(
            "events go to the dead-letter topic",
            [
                "count": letters.count, "topic": configuration.deadLetterTopic,
                "first": first.0.event.identity, "reason": first.1.reason.text,
            ])
        for start in stride(from: 0, to: letters.count, by: Self.lettersAtOnce) {
            await withTaskGroup(of: Void.self) { group in
                for (pending, letter) in letters[start...].prefix(Self.lettersAtOnce) {
                    group.addTask { await self.bury(pending, letter, lane) }
                }
            }
        }
    }

    private func bury(_ pending: PendingEvent, _ letter: DeadLetter, _ lane: Int) async {
        let record = letter.record(
            pending.event, worker: configuration.name, sink: configuration.sink.type,
            now: clock.wallMilliseconds())
        var backoff = Backoff(configuration.retry)
        while true {
            if !queue.abandoned(of: [pending]).isEmpty {
                queue.end([pending], .abandoned)
                return
            }
            do throws(ClientError) {
                try await writeDeadLetter(record)
                tally.deadLettered(1)
                queue.end([pending], .finished)
                return
            } catch {
                // Until the letter is written the event waits, whatever the error (D3).
                let trouble = Trouble(
                    reason: Reason("dead letter to \(configuration.deadLetterTopic): \(error)"),
                    isPause: !error.isRetriable)
                let wait = trouble.isPause ? backoff.paused() : backoff.next()
                if tally.troubled(
                    lane: lane, trouble, now: clock.monotonicMilliseconds(), waiting: 1)
                {
                    trouble.log(
                        logger, sink: configuration.sink.type, waiting: 1,
                        nextTryMilliseconds: wait)
                }
                await pause(wait, while: [pending])
            }
        }
    }

    /// Waits, but no longer than until the worker stops or a partition goes.
    private func pause(_ milliseconds: Int, while events: [PendingEvent]) async {
        let end = clock.monotonicMilliseconds() + Int64(milliseconds)
        while true {
            let version = queue.changed.version
            if !queue.abandoned(of: events).isEmpty { return }
            let left = end - clock.monotonicMilliseconds()
            guard left > 0 else { return }
            await queue.changed.wait(after: version, milliseconds: Int(left))
        }
    }
}
