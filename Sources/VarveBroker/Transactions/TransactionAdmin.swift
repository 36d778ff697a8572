internal import VarveLog
internal import VarvePlatform
internal import VarveRecords
package import VarveWire

/// A transactional id as administrators see it.
package struct TransactionDescription: Sendable {
    package let transaction: Transaction
    /// Those that have no marker yet.
    package let openPartitions: Set<TransactionPartition>
}

/// The verbs of administrators: describe, list, and write markers themselves.
extension TransactionCoordinator {
    /// The id; nil when there is none of that name.
    package func describe(_ id: String) -> TransactionDescription? {
        entry(of: id).map(Self.describe)
    }

    /// All transactional ids, sorted.
    package func list() -> [TransactionDescription] {
        entries.map(Self.describe).sorted { $0.transaction.id < $1.transaction.id }
    }

    /// How many ids stand how, for metrics.
    package var countsByPhase: [TransactionPhase: Int] {
        entries.reduce(into: [:]) { counts, entry in
            counts[entry.state.withLock { $0.transaction.phase }, default: 0] += 1
        }
    }

    private static func describe(_ entry: TransactionEntry) -> TransactionDescription {
        entry.state.withLock {
            TransactionDescription(
                transaction: $0.transaction, openPartitions: $0.openPartitions)
        }
    }

    /// WriteTxnMarkers, for one partition: ends a producer's transaction there, whatever the
    /// coordinator thinks of it. For transactions that nobody else will end.
    /// `completion` is called once, from any thread, when the marker is durable.
    /// - Parameter coordinatorEpoch: TRANSACTION_COORDINATOR_FENCED where the producer's last
    ///   marker there has a later one; -1 from tools that do not know it.
    package func writeMarker(
        commits: Bool, coordinatorEpoch: Int32, of producer: ProducerIdentity,
        into partition: TransactionPartition,
        _ completion: @escaping @Sendable (ErrorCode) -> Void
    ) {
        guard producer.id >= 0, producer.epoch >= 0 else { return completion(.invalidRequest) }
        run { [self] in
            guard let log = directory.topic(partition.topic)?.partition(partition.index) else {
                return completion(.unknownTopicOrPartition)
            }
            do throws(LogError) {
                let marker = try append(
                    TransactionMarker(isCommit: commits, coordinatorEpoch: coordinatorEpoch),
                    of: producer, to: log, takesAnyEpoch: coordinatorEpoch < 0)
                marker.whenDurable { [self] error in
                    if error == nil && partition.topic == BrokerState.offsetsTopic {
                        groups.endTransaction(
                            of: producer.id, in: Int(partition.index), commits: commits,
                            end: marker.end)
                    }
                    completion(error.map { ErrorCode($0) } ?? .none)
                }
            } catch {
                completion(ErrorCode(error))
            }
        }
    }
}
