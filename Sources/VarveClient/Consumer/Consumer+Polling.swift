internal import VarvePlatform
internal import VarveRecords

// From fetched batches to records in the caller's hands.

extension Consumer {
    func throwErrors() throws(ClientError) {
        let error = state.withLock { state -> ClientError? in
            if state.isClosed || cluster.isClosed { return .closed }
            if let fatal = state.fatal { return fatal }
            return state.takeError()
        }
        if let error { throw error }
    }

    /// Has every `poll` throw `error`; false when they do already.
    func reportFatal(_ error: ClientError) -> Bool {
        let isNew = state.withLock { state in
            defer { state.fatal = state.fatal ?? error }
            return state.fatal == nil
        }
        if isNew { pollWakeup.wake() }
        return isNew
    }

    /// Has the next `poll` throw `error`, once.
    func report(_ error: ClientError) {
        state.withLock { $0.report(error) }
        pollWakeup.wake()
    }

    private struct Taken {
        let partition: TopicPartition
        let epoch: UInt64
        let position: Int64
        let highWatermark: Int64
        let content: Content

        enum Content {
            case batch(FetchedBatches.Batch)
            case stop(RecordError)
        }
    }

    /// Decodes fetched batches, one of each partition in turn, until there are none or enough.
    func take() throws(ClientError) -> [FetchedRecords] {
        var results: [TopicPartition: FetchedRecords] = [:]
        var order: [TopicPartition] = []
        var epochs: [TopicPartition: UInt64] = [:]
        var recordCount = 0
        var byteCount = 0
        var failure: (error: ClientError, taken: Taken)?
        while recordCount < configuration.pollRecordsMax && byteCount < configuration.pollBytesMax {
            guard let taken = takeBatch() else { break }
            // Taken out and put back, so that its list grows in place.
            let isKnown = epochs[taken.partition] != nil
            var fetched =
                results.removeValue(forKey: taken.partition)
                ?? FetchedRecords(
                    topic: taken.partition.topic, partition: taken.partition.partition,
                    records: [], nextOffset: taken.position, highWatermark: taken.highWatermark)
            let before = fetched.records.count
            var nextOffset = taken.position
            var bytes = 0
            do throws(RecordError) {
                switch taken.content {
                case .stop(let error): throw error
                case .batch(let batch):
                    bytes = try batch.append(
                        to: &fetched.records, from: taken.position,
                        checkChecksum: configuration.checkChecksums,
                        decompressedBytesMax: configuration.batchDecompressedBytesMax)
                    nextOffset = batch.header.nextOffset
                }
            } catch {
                failure = (.records(error), taken)
                if isKnown { results[taken.partition] = fetched }
                break
            }
            guard advance(taken.partition, taken.epoch, to: nextOffset) else {
                fetched.records.removeLast(fetched.records.count - before)
                if isKnown { results[taken.partition] = fetched }
                continue
            }
            if !isKnown { order.append(taken.partition) }
            recordCount += fetched.records.count - before
            byteCount += bytes
            fetched.nextOffset = nextOffset
            fetched.highWatermark = taken.highWatermark
            results[taken.partition] = fetched
            epochs[taken.partition] = taken.epoch
        }
        // What was revoked or sought away from while it was decoded is not handed over.
        let now = cluster.now
        state.withLock { state in
            state.isDecoding = false
            order.removeAll { partition in
                guard let current = state.partitions[partition] else { return true }
                return current.epoch != epochs[partition] || current.isRevoking
            }
            guard let failure else { return }
            // It is fetched again from the position, after a pause.
            if state.partitions[failure.taken.partition]?.epoch == failure.taken.epoch {
                state.clearBuffer(failure.taken.partition)
                state.partitions[failure.taken.partition]!.failed(
                    now: now, Backoff(cluster.configuration))
            }
            // Records that are good come first; the damage is met again by the next poll.
            if !order.isEmpty { state.report(failure.error) }
        }
        fetchWakeup.wake()
        if let failure, order.isEmpty { throw failure.error }
        return order.map { results[$0]! }
    }

    private func takeBatch() -> Taken? {
        state.withLock { state in
            let partitions = state.partitions.filter { _, partition in
                !partition.buffer.isEmpty && !partition.isPaused && !partition.isRevoking
            }.keys.sorted()
            guard !partitions.isEmpty else { return nil }
            state.turn += 1
            let chosen = partitions[state.turn % partitions.count]
            var partition = state.partitions[chosen]!
            guard let position = partition.position else { return nil }
            let content: Taken.Content
            let highWatermark = partition.buffer[0].highWatermark
            if let batch = partition.buffer[0].popFirst() {
                partition.bufferedBytes -= batch.bytes.count
                state.bufferedBytes -= batch.bytes.count
                content = .batch(batch)
            } else if let stop = partition.buffer[0].stop {
                content = .stop(stop)
            } else {
                preconditionFailure("an empty response is kept")
            }
            if partition.buffer[0].isEmpty { partition.buffer.removeFirst() }
            state.partitions[chosen] = partition
            state.isDecoding = true
            return Taken(
                partition: chosen, epoch: partition.epoch, position: position,
                highWatermark: highWatermark, content: content)
        }
    }

    /// Moves the position past a batch; false when the partition is another matter by now.
    private func advance(_ partition: TopicPartition, _ epoch: UInt64, to offset: Int64) -> Bool {
        state.withLock { state in
            guard var current = state.partitions[partition], current.epoch == epoch,
                let position = current.position
            else { return false }
            current.start = .at(max(position, offset))
            // After a pause the fetch position may lie behind.
            current.fetchPosition = max(current.fetchPosition, offset)
            state.partitions[partition] = current
            return true
        }
    }
}
