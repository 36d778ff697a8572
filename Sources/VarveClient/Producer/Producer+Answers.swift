internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

// What a broker's answer means for the batches that were sent. Runs on the I/O thread.

extension Producer {
    func answered(_ produce: Produce, _ result: Result<ResponseFrame, ClientError>) {
        var answers: [TopicPartition: ProduceResponse.Partition] = [:]
        var failure: ClientError?
        do throws(ClientError) {
            let frame = try result.get()
            if configuration.acks != 0 {
                for topic in try Cluster.decode(ProduceRequest.self, frame).responses {
                    for answer in topic.partitionResponses {
                        answers[TopicPartition(topic: topic.name, partition: answer.index)] = answer
                    }
                }
            }
        } catch {
            failure = error
        }
        let now = cluster.now
        var needsMetadata = failure?.isRetriable == true
        var calls: [() -> Void] = []
        state.withLock { state in
            state.inFlight[produce.broker, default: 1] -= 1
            for sent in produce.batches {
                guard
                    let batch = state.queues[sent.partition]?.batches.first(where: {
                        $0.number == sent.number
                    })
                else { continue }
                if let failure {
                    calls += failed(batch, sent.partition, failure, &state, now: now)
                } else if configuration.acks == 0 {
                    calls += state.remove(batch, from: sent.partition, .success(-1))
                } else if let answer = answers[sent.partition] {
                    calls += judge(batch, sent.partition, answer, &state, now: now)
                    needsMetadata = needsMetadata || answer.errorCode.isRetriable
                } else {
                    calls += failed(
                        batch, sent.partition,
                        .wire(.invalid("no answer for \(sent.partition)")), &state, now: now)
                }
            }
        }
        for call in calls { call() }
        if needsMetadata { cluster.refreshMetadata() }
        drainSoon()
    }

    private func judge(
        _ batch: PendingBatch, _ partition: TopicPartition, _ answer: ProduceResponse.Partition,
        _ state: inout ProducerState, now: Int64
    ) -> [() -> Void] {
        let isFirst = state.queues[partition]?.batches.first?.number == batch.number
        switch answer.errorCode {
        case .none, .duplicateSequenceNumber:
            // A duplicate older than the five batches that brokers remember has lost its offset.
            let offset = answer.errorCode == .none ? answer.baseOffset : -1
            state.queues[partition]?.reset()
            return state.remove(batch, from: partition, .success(offset))
        case .outOfOrderSequenceNumber where isIdempotent,
            .unknownProducerId where isIdempotent,
            .invalidProducerEpoch where isIdempotent,
            .invalidProducerIdMapping where isIdempotent:
            // Behind a batch that has to be sent again, a gap is what we expect. The first of all
            // has no such excuse: the broker has forgotten us, or forgot what it acknowledged.
            if isFirst {
                cluster.configuration.logger?.warning(
                    "producer id is given up",
                    ["partition": partition, "error": answer.errorCode])
                state.identity.expire()
            }
            state.retry(batch, in: partition, now: now, backoff: Backoff(cluster.configuration))
            return []
        case .messageTooLarge where batch.recordCount > 1,
            .recordListTooLarge where batch.recordCount > 1:
            return split(batch, partition, &state)
        case let code where code.isRetriable:
            return failed(
                batch, partition, .kafka(code, answer.errorMessage ?? "\(partition)"), &state,
                now: now)
        case let code:
            var text = answer.errorMessage ?? ""
            if let first = answer.recordErrors.first, let message = first.batchIndexErrorMessage {
                text += (text.isEmpty ? "" : "; ") + "record \(first.batchIndex): \(message)"
            }
            return failed(
                batch, partition, .kafka(code, text.isEmpty ? "\(partition)" : text), &state,
                now: now)
        }
    }

    /// Has the batch sent again where time may mend it, else fails its records.
    private func failed(
        _ batch: PendingBatch, _ partition: TopicPartition, _ error: ClientError,
        _ state: inout ProducerState, now: Int64
    ) -> [() -> Void] {
        // A broken answer says nothing of whether the batch is stored; sequences make the retry
        // harmless, and without them order and completeness go before uniqueness.
        var isWire = false
        if case .wire = error { isWire = true }
        if (error.isRetriable || isWire) && batch.deadline > now {
            state.retry(batch, in: partition, now: now, backoff: Backoff(cluster.configuration))
            return []
        }
        // The broker did not count its sequence, so those after it have to be numbered anew.
        if batch.sequence != nil { state.identity.expire() }
        let final =
            error.isRetriable ? .timedOut("delivery to \(partition); at last: \(error)") : error
        return state.remove(batch, from: partition, .failure(final))
    }

    /// A batch that the broker finds too large becomes two halves at its place, with the sequences
    /// it had.
    private func split(
        _ batch: PendingBatch, _ partition: TopicPartition, _ state: inout ProducerState
    ) -> [() -> Void] {
        guard case .inFlight(let payload) = batch.phase,
            let index = state.queues[partition]?.batches.firstIndex(where: {
                $0.number == batch.number
            })
        else { return [] }
        do throws(RecordError) {
            let records = try RecordBatch.records(in: payload)
            let middle = records.count / 2
            var halves: [PendingBatch] = []
            for range in [0..<middle, middle..<records.count] {
                var builder = RecordBatchBuilder(codec: configuration.codec)
                for record in records[range] {
                    builder.append(
                        timestamp: record.timestamp, key: record.key, value: record.value,
                        headers: record.headers)
                }
                let bytes = range.lowerBound == 0 ? batch.bytes / 2 : batch.bytes - batch.bytes / 2
                let half = PendingBatch(
                    number: range.lowerBound == 0 ? batch.number : state.nextNumber(),
                    phase: .ready(try builder.finish()), dueAt: 0, deadline: batch.deadline)
                half.bytes = bytes
                half.recordCount = range.count
                half.completions = Array(batch.completions[range])
                half.attempts = batch.attempts
                halves.append(half)
            }
            // The halves' sequences are given when they are sent; those of the batches behind stay
            // right only if nobody else is numbered in between, so all are numbered anew.
            if batch.sequence != nil { state.identity.expire() }
            state.queues[partition]!.batches.replaceSubrange(index...index, with: halves)
            state.queues[partition]!.isRecovering = true
            for flush in state.flushes.indices
            where state.flushes[flush].batches.contains(batch.number) {
                state.flushes[flush].batches.insert(halves[1].number)
            }
            return []
        } catch {
            return state.remove(batch, from: partition, .failure(.records(error)))
        }
    }

    // MARK: - Producer id

    func askForIdentity(attempt: Int) {
        var request = InitProducerIdRequest()
        request.transactionTimeoutMs = .max
        cluster.submit(request, to: .any, lane: .shared) { [self] result in
            do throws(ClientError) {
                let response = try Cluster.decode(InitProducerIdRequest.self, try result.get())
                guard response.errorCode == .none else {
                    throw .kafka(response.errorCode, "InitProducerId")
                }
                state.withLock {
                    $0.identity = .known(id: response.producerId, epoch: response.producerEpoch)
                }
                drainSoon()
            } catch {
                identityFailed(error, attempt: attempt)
            }
        }
    }

    private func identityFailed(_ error: ClientError, attempt: Int) {
        cluster.configuration.logger?.debug("no producer id", ["error": error])
        guard !error.isRetriable else {
            let pause = Backoff(cluster.configuration).milliseconds(attempt: attempt)
            cluster.loop.after(milliseconds: pause) { [weak self] in
                guard let self else { return }
                // Records whose time is over must not wait for the id.
                drainSoon()
                askForIdentity(attempt: attempt + 1)
            }
            return
        }
        state.withLock { $0.identity = .unknown }
        failAll(error)
    }
}

extension ProducerState {
    /// Whether a producer id has to be asked for now; from then on it counts as asked for.
    mutating func renewIdentity() -> Bool {
        switch identity {
        case .known, .asking: return false
        case .unknown: break
        case .expired:
            // What is in flight still counts under the old id; first it has to come back.
            guard queues.values.allSatisfy({ $0.inFlightCount == 0 }) else { return false }
            for partition in queues.keys {
                queues[partition]!.nextSequence = 0
                for batch in queues[partition]!.batches { batch.sequence = nil }
            }
        }
        guard queues.values.contains(where: { !$0.batches.isEmpty }) else { return false }
        identity = .asking
        return true
    }
}

extension ProducerState.Identity {
    /// No batch is sent under this id any more. While one is being asked for, the answer will do.
    mutating func expire() {
        if case .known = self { self = .expired }
    }
}
