internal import VarvePlatform
internal import VarveRecords

/// What became of one record: its place, or why it has none.
package typealias Delivery = Result<(partition: Int32, offset: Int64), ClientError>

/// Records on their way to one partition: first being gathered, then a sealed batch that is sent
/// until it is answered. Touched only under the producer's lock.
final class PendingBatch {
    enum Phase {
        /// Takes records.
        case open(RecordBatchBuilder)
        /// Being compressed, outside the lock.
        case sealing
        /// Waits to be sent, for the first time or again.
        case ready(ByteSlice)
        /// Sent; the answer is awaited.
        case inFlight(ByteSlice)
    }

    let number: UInt64
    var phase: Phase
    /// When it is sealed even if it is not full.
    var dueAt: Int64
    /// When its records fail.
    let deadline: Int64
    /// What it counts against the producer's memory.
    var bytes = 0
    var recordCount = 0
    var completions: [@Sendable (Delivery) -> Void] = []
    /// The sequence of its first record, once it was sent; kept in retries (KIP-98).
    var sequence: Int32?
    var attempts = 0

    init(number: UInt64, phase: Phase, dueAt: Int64, deadline: Int64) {
        self.number = number
        self.phase = phase
        self.dueAt = dueAt
        self.deadline = deadline
    }

    func append(
        _ record: Record, bytes: Int, _ completion: @escaping @Sendable (Delivery) -> Void
    ) {
        guard case .open(var builder) = phase else { preconditionFailure("the batch is closed") }
        // A builder has one owner at a time.
        phase = .sealing
        builder.append(
            timestamp: record.timestamp, key: record.key, value: record.value,
            headers: record.headers)
        phase = .open(builder)
        self.bytes += bytes
        recordCount += 1
        completions.append(completion)
    }

    var isInFlight: Bool {
        if case .inFlight = phase { return true }
        return false
    }

    var isOpen: Bool {
        if case .open = phase { return true }
        return false
    }
}

/// The batches of one partition, oldest first. At most the last is open.
struct PartitionQueue {
    var batches: [PendingBatch] = []
    /// The sequence that the next batch gets.
    var nextSequence: Int32 = 0
    /// A batch has to be sent again: nothing else is sent until nothing is in flight, and then the
    /// oldest alone, so that the order is kept.
    var isRecovering = false
    /// No attempt before this time.
    var retryAt: Int64 = 0
    /// Attempts that failed in a row.
    var failures = 0

    var inFlightCount: Int { batches.reduce(0) { $0 + ($1.isInFlight ? 1 : 0) } }

    /// The batch to send now, if there is one.
    func sendable(now: Int64, inFlightMax: Int) -> PendingBatch? {
        guard retryAt <= now else { return nil }
        let inFlight = inFlightCount
        guard inFlight < (isRecovering ? 1 : inFlightMax) else { return nil }
        guard let first = batches.first(where: { !$0.isInFlight }), case .ready = first.phase
        else { return nil }
        return first
    }
}
