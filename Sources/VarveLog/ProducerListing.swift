internal import VarvePlatform

/// What a partition remembers of one producer.
package struct ProducerSummary: Equatable, Sendable {
    package let producerID: Int64
    package let epoch: Int16
    /// Of the last batch in this epoch, -1 where it has none.
    package let lastSequence: Int32
    /// When it last appended, ms since 1970.
    package let lastAppendTime: Int64
    /// Of its last marker, -1 without one.
    package let coordinatorEpoch: Int32
    /// The first offset of its open transaction; nil outside one.
    package let transactionStart: Int64?
}

extension PartitionLog {
    /// The producers that the partition remembers, by id: at most `ProducerState.producersMax`.
    package var activeProducers: [ProducerSummary] {
        state.withLock { $0.producers.producers }
            .map { id, producer in
                ProducerSummary(
                    producerID: id, epoch: producer.epoch,
                    lastSequence: producer.batches.last?.lastSequence ?? -1,
                    lastAppendTime: producer.lastAppendTime,
                    coordinatorEpoch: producer.coordinatorEpoch,
                    transactionStart: producer.transactionStart)
            }
            .sorted { $0.producerID < $1.producerID }
    }

    /// The sequence that the next batch of `producerID` in `epoch` must have: for a producer whose
    /// batches the broker makes itself. They come one at a time.
    package func nextSequence(of producerID: Int64, epoch: Int16) -> Int32 {
        state.withLock { $0.producers.producers[producerID]?.nextSequence(epoch: epoch) ?? 0 }
    }
}
