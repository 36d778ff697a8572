internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

// From full batches to produce requests. All of it runs on the cluster's I/O thread, except that
// the one who fills a batch also compresses it.

extension Producer {
    func drainSoon() { drain(at: 0) }

    /// Runs `drain` at `time`, unless one is planned before.
    func drain(at time: Int64) {
        let wanted = state.withLock { state in
            if state.drainAt <= time { return false }
            state.drainAt = time
            return true
        }
        guard wanted else { return }
        cluster.loop.after(milliseconds: max(0, time - cluster.now)) { [weak self] in
            self?.drain()
        }
    }

    /// Fails what is over time, seals what is due, and sends what may be sent.
    private func drain() {
        let now = cluster.now
        var calls: [() -> Void] = []
        if cluster.isClosed { return failAll(.closed) }
        let due = state.withLock { state -> [(TopicPartition, UInt64)] in
            state.drainAt = .max
            calls = expire(&state, now: now)
            return state.queues.flatMap { partition, queue in
                queue.batches.filter { $0.isOpen && ($0.dueAt <= now || state.isClosed) }
                    .map { (partition, $0.number) }
            }
        }
        for call in calls { call() }
        compress(due)
        let (requests, next, needsIdentity) = state.withLock { state in
            for (partition, _) in due { state.sticky[partition.topic] = nil }
            let needsIdentity = isIdempotent && state.renewIdentity()
            return (gather(&state, now: now), nextDrain(state, after: now), needsIdentity)
        }
        if needsIdentity { askForIdentity(attempt: 1) }
        for request in requests { submit(request) }
        if next != .max { drain(at: next) }
    }

    /// Compresses full batches and has them sent.
    func seal(_ batches: [(TopicPartition, UInt64)]) {
        compress(batches)
        drainSoon()
    }

    private func compress(_ batches: [(TopicPartition, UInt64)]) {
        for (partition, number) in batches {
            let builder = state.withLock { state -> RecordBatchBuilder? in
                guard let batch = batch(number, partition, state),
                    case .open(let builder) = batch.phase
                else { return nil }
                batch.phase = .sealing
                return builder
            }
            guard var builder else { continue }
            let sealed: Result<ByteSlice, RecordError>
            do throws(RecordError) { sealed = .success(try builder.finish()) } catch {
                sealed = .failure(error)
            }
            let calls = state.withLock { state -> [() -> Void] in
                guard let batch = batch(number, partition, state) else { return [] }
                switch sealed {
                case .success(let payload):
                    batch.phase = .ready(payload)
                    return []
                case .failure(let error):
                    return state.remove(batch, from: partition, .failure(.records(error)))
                }
            }
            for call in calls { call() }
        }
    }

    private func batch(
        _ number: UInt64, _ partition: TopicPartition, _ state: ProducerState
    ) -> PendingBatch? {
        state.queues[partition]?.batches.first { $0.number == number }
    }

    /// Fails what the delivery timeout has passed over and nobody is sending just now.
    private func expire(_ state: inout ProducerState, now: Int64) -> [() -> Void] {
        var calls: [() -> Void] = []
        let late = state.roomWaiters.filter { $0.deadline <= now }
        state.roomWaiters.removeAll { $0.deadline <= now }
        for waiter in late { calls.append { waiter.continuation.resume(returning: false) } }
        for (partition, queue) in state.queues {
            for batch in queue.batches where batch.deadline <= now && !batch.isInFlight {
                if case .sealing = batch.phase { continue }
                // It may be stored all the same; the sequences after it cannot be kept.
                if batch.sequence != nil { state.identity.expire() }
                calls += state.remove(
                    batch, from: partition,
                    .failure(
                        .timedOut(
                            "delivery to \(partition)"
                                + (batch.attempts == 0 ? ", never sent" : ""))))
            }
        }
        return calls
    }

    /// The soonest time after `now` at which something becomes due by itself. What waits for an
    /// answer is not in it: the answer drains.
    private func nextDrain(_ state: ProducerState, after now: Int64) -> Int64 {
        var times = state.roomWaiters.map(\.deadline)
        for queue in state.queues.values {
            for batch in queue.batches where !batch.isInFlight {
                times.append(batch.deadline)
                if batch.isOpen { times.append(batch.dueAt) }
            }
            if queue.isRecovering { times.append(queue.retryAt) }
        }
        return times.lazy.filter { $0 > now }.min() ?? .max
    }

    /// Fails everything that is not in flight; that comes back by itself.
    func failAll(_ error: ClientError) {
        let calls = state.withLock { state -> [() -> Void] in
            state.drainAt = .max
            if case .closed = error { state.isClosed = true }
            var calls: [() -> Void] = []
            for (partition, queue) in state.queues {
                for batch in queue.batches where !batch.isInFlight {
                    calls += state.remove(batch, from: partition, .failure(error))
                }
            }
            return calls
        }
        for call in calls { call() }
    }

    // MARK: - Requests

    /// One produce request: a batch for each of some partitions that one broker leads.
    struct Produce: Sendable {
        let broker: Int32
        var timeoutMilliseconds: Int64
        var batches: [Sent] = []

        struct Sent: Sendable {
            let partition: TopicPartition
            let number: UInt64
            let payload: ByteSlice
        }
    }

    /// A request carries batches of about so many bytes, more only where one batch is larger.
    private static let requestBytesMax = 8 << 20

    private func gather(_ state: inout ProducerState, now: Int64) -> [Produce] {
        var producer: (id: Int64, epoch: Int16)?
        if isIdempotent {
            guard case .known(let id, let epoch) = state.identity else { return [] }
            producer = (id, epoch)
        }
        var requests: [Int32: Produce] = [:]
        var bytes: [Int32: Int] = [:]
        var lacksLeader = false
        // By partition and not by hash order, so that no partition is always the last.
        for partition in state.queues.keys.shuffled() {
            // Without sequence numbers only one batch at a time keeps the order over retries.
            let inFlightMax = isIdempotent ? configuration.requestsInFlightMax : 1
            guard
                let batch = state.queues[partition]!.sendable(now: now, inFlightMax: inFlightMax),
                case .ready(let payload) = batch.phase
            else {
                if state.queues[partition]!.batches.isEmpty { state.queues[partition]!.reset() }
                continue
            }
            guard let leader = cluster.leader(of: partition) else {
                lacksLeader = true
                state.queues[partition]!.retryAt =
                    now + cluster.configuration.retryBackoffMilliseconds
                state.queues[partition]!.isRecovering = true
                continue
            }
            guard state.inFlight[leader, default: 0] < configuration.requestsInFlightMax,
                bytes[leader, default: 0] == 0
                    || bytes[leader]! + payload.count <= Self.requestBytesMax
            else { continue }
            if let producer, batch.sequence == nil {
                let sequence = state.queues[partition]!.nextSequence
                batch.sequence = sequence
                // Sequences wrap from 2^31-1 to 0 (KIP-98).
                state.queues[partition]!.nextSequence = Int32(
                    (Int64(sequence) + Int64(batch.recordCount)) & 0x7FFF_FFFF)
                batch.phase = .ready(stamped(payload, producer, sequence))
            }
            guard case .ready(let stamped) = batch.phase else { continue }
            batch.phase = .inFlight(stamped)
            batch.attempts += 1
            bytes[leader, default: 0] += stamped.count
            var request = requests[leader] ?? Produce(broker: leader, timeoutMilliseconds: 1_000)
            request.timeoutMilliseconds = max(
                request.timeoutMilliseconds,
                min(batch.deadline - now, cluster.configuration.requestTimeoutMilliseconds))
            request.batches.append(
                Produce.Sent(partition: partition, number: batch.number, payload: stamped))
            requests[leader] = request
        }
        for broker in requests.keys { state.inFlight[broker, default: 0] += 1 }
        if lacksLeader { cluster.refreshMetadata() }
        return Array(requests.values)
    }

    private func stamped(
        _ payload: ByteSlice, _ producer: (id: Int64, epoch: Int16), _ sequence: Int32
    ) -> ByteSlice {
        do throws(RecordError) {
            return try RecordBatch.stamped(
                payload, producerID: producer.id, producerEpoch: producer.epoch,
                baseSequence: sequence)
        } catch {
            preconditionFailure("a batch of our own does not parse: \(error)")
        }
    }

    private func submit(_ produce: Produce) {
        var request = ProduceRequest()
        request.acks = configuration.acks
        request.timeoutMs = Int32(clamping: produce.timeoutMilliseconds)
        let byTopic = Dictionary(grouping: produce.batches, by: \.partition.topic)
        request.topicData = byTopic.map { name, batches in
            var topic = ProduceRequest.Topic()
            topic.name = name
            topic.partitionData = batches.map {
                var partition = ProduceRequest.Partition()
                partition.index = $0.partition.partition
                partition.records = $0.payload
                return partition
            }
            return topic
        }
        // Version 13 names topics by id only.
        cluster.submit(
            request, to: .broker(produce.broker), lane: lane, versionMax: 12,
            timeoutMilliseconds: produce.timeoutMilliseconds,
            expectsResponse: configuration.acks != 0
        ) { [self] result in
            answered(produce, result)
        }
        // More may be ready for the same broker.
        drainSoon()
    }
}

extension PartitionQueue {
    /// Nothing is under way: the next batch is not a retry. The sequence stays.
    mutating func reset() {
        isRecovering = false
        retryAt = 0
        failures = 0
    }
}
