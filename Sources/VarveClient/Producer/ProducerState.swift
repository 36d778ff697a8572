internal import VarvePlatform
internal import VarveRecords

/// What a producer keeps under its lock.
struct ProducerState {
    var queues: [TopicPartition: PartitionQueue] = [:]
    /// Where records without a key go, by topic, until that batch is closed (KIP-480).
    var sticky: [String: Int32] = [:]
    var identity = Identity.unknown
    /// Produce requests under way, by broker.
    var inFlight: [Int32: Int] = [:]
    var bufferedBytes = 0
    var roomWaiters: [RoomWaiter] = []
    var flushes: [Flush] = []
    var lastNumber: UInt64 = 0
    /// The soonest drain that is on the loop's timers; `.max` when none is.
    var drainAt = Int64.max
    var watcher: UInt64?
    var isClosed = false

    /// The producer id that makes retries harmless (KIP-98).
    enum Identity {
        case unknown
        case asking
        case known(id: Int64, epoch: Int16)
        /// Sequences can no longer be trusted: as soon as nothing is in flight, all that waits is
        /// numbered anew under a new id.
        case expired
    }

    struct RoomWaiter {
        let deadline: Int64
        let continuation: CheckedContinuation<Bool, Never>
    }

    struct Flush {
        var batches: Set<UInt64>
        var failure: ClientError?
        let continuation: CheckedContinuation<ClientError?, Never>
    }

    mutating func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    /// Takes a finished batch out; returns what to call once the lock is given up.
    mutating func remove(
        _ batch: PendingBatch, from partition: TopicPartition,
        _ delivery: Result<Int64, ClientError>
    ) -> [() -> Void] {
        queues[partition]?.batches.removeAll { $0.number == batch.number }
        bufferedBytes -= batch.bytes
        var calls: [() -> Void] = []
        for (index, completion) in batch.completions.enumerated() {
            let result: Delivery = delivery.map {
                (partition.partition, $0 < 0 ? -1 : $0 + Int64(index))
            }
            calls.append { completion(result) }
        }
        var failure: ClientError?
        if case .failure(let error) = delivery { failure = error }
        for index in flushes.indices where flushes[index].batches.remove(batch.number) != nil {
            flushes[index].failure = flushes[index].failure ?? failure
        }
        for flush in flushes where flush.batches.isEmpty {
            calls.append { flush.continuation.resume(returning: flush.failure) }
        }
        flushes.removeAll { $0.batches.isEmpty }
        let waiters = roomWaiters
        roomWaiters = []
        for waiter in waiters { calls.append { waiter.continuation.resume(returning: true) } }
        return calls
    }

    /// Puts a sent batch back to be sent again after a pause.
    mutating func retry(
        _ batch: PendingBatch, in partition: TopicPartition, now: Int64, backoff: Backoff
    ) {
        guard case .inFlight(let payload) = batch.phase else { return }
        batch.phase = .ready(payload)
        queues[partition]!.failures += 1
        queues[partition]!.isRecovering = true
        queues[partition]!.retryAt =
            now + backoff.milliseconds(attempt: queues[partition]!.failures)
    }
}
