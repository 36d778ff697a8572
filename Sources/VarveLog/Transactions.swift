internal import VarvePlatform
package import VarveRecords

extension PartitionLog.State {
    /// Where the earliest transaction begins that is open or whose marker a power cut could take
    /// back; else the durable end (I3). Never before the log's start.
    var lastStableOffset: Int64 {
        var offset = min(durable.end, producers.firstOpenOffset ?? Int64.max)
        for transaction in closing { offset = min(offset, transaction.firstOffset) }
        return max(offset, startOffset)
    }
}

extension PartitionLog {
    /// Ends the transaction of `producerID`: appends the control batch that commits or aborts it.
    ///
    /// On return the marker is in the page cache: the transaction is over when
    /// `whenDurable` says so, and only then do `lastStableOffset` and
    /// `abortedTransactions` show it. Where the producer has no open transaction the marker is
    /// appended all the same, as in Kafka, and changes nothing but the producer's epoch.
    /// - Parameter epoch: the producer's, or a newer one, which fences it.
    /// - Parameter now: wall clock, ms since 1970.
    /// - Throws: `.invalidProducerEpoch` when the producer is newer; `.coordinatorFenced` when a
    ///   newer coordinator was here; `.tooManyTransactions`; and as `append`. The log is
    ///   unchanged then, except after `.io`.
    package func appendMarker(
        _ marker: TransactionMarker, producerID: Int64, epoch: Int16, now: Int64
    ) throws(LogError) -> AppendResult {
        precondition(producerID >= 0 && epoch >= 0)
        let batch = marker.batch(producerID: producerID, producerEpoch: epoch, timestamp: now)
        let header: RecordBatchHeader
        do throws(RecordError) {
            header = try batch.withUnsafeBytes { (bytes) throws(RecordError) in
                try RecordBatchHeader(parsing: bytes)
            }
        } catch {
            preconditionFailure("a marker of our own making: \(error)")
        }
        return try enter { (state) throws(LogError) in
            try state.producers.check(marker, producerID: producerID, epoch: epoch)
            return try put(header, batch, marker, at: now, &state)
        }
    }

    /// The aborted transactions with records from `from` on and below `to`, in the order of their
    /// markers: what a reader of committed records needs to drop theirs.
    ///
    /// Complete for what was read of the log before, if it does not throw.
    /// - Parameter to: at most the last stable offset counts.
    /// - Throws: `.offsetOutOfRange` when the log begins behind `from`: what was read there may
    ///   belong to transactions that are not known any more. `.poisoned`, `.io`.
    package func abortedTransactions(
        from: Int64, to: Int64
    ) throws(LogError) -> [AbortedTransaction] {
        try state.withLock { (state) throws(LogError) in
            if let failure = failure(of: state) { throw failure }
            guard from >= state.startOffset else {
                throw .offsetOutOfRange(
                    requested: from, start: state.startOffset, end: state.durable.end)
            }
            return try abortedTransactions(from: from, to: to, &state)
        }
    }

    /// The same, with the state locked, and also before the log's start.
    func abortedTransactions(
        from: Int64, to: Int64, _ state: inout State
    ) throws(LogError) -> [AbortedTransaction] {
        var found: [AbortedTransaction] = []
        let end = min(to, state.lastStableOffset)
        // A marker stands behind its records, in the same segment or a later one.
        for index in max(0, Self.segmentIndex(of: from, state.segments))..<state.segments.count
        where !state.segments[index].transactions.isEmpty {
            try loadIndexes(at: index, &state)
            let behind = state.segments[index].transactions.entries(
                after: { $0.lastOffset < from })
            for transaction in behind {
                if transaction.firstOffset < end { found.append(transaction) }
                if transaction.lastStableOffset >= end { return found }
            }
        }
        return found
    }
}
