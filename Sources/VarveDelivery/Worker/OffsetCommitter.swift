internal import VarveClient
internal import VarvePlatform

/// Commits finished positions, one commit at a time, so that an older one never overtakes a newer.
final class OffsetCommitter: Sendable {
    private struct State {
        var consumer: Consumer?
        var isBusy = false
        /// A failure is told once until a commit goes well again.
        var isFailing = false
    }

    private let queue: DeliveryQueue
    private let logger: Logger
    private let state = Lock(State())
    private let freed = AsyncSignal()

    init(queue: DeliveryQueue, logger: Logger) {
        self.queue = queue
        self.logger = logger
    }

    /// The consumer exists after the listener that commits through it.
    func attach(_ consumer: Consumer) { state.withLock { $0.consumer = consumer } }

    /// Commits what is finished of `partitions`, or of all. A failure is no harm: what is not
    /// committed comes again (D4).
    func commit(_ partitions: [TopicPartition]? = nil) async {
        guard let consumer = await acquire() else { return }
        defer {
            state.withLock { $0.isBusy = false }
            freed.notify()
        }
        let offsets = queue.uncommitted(partitions)
        guard !offsets.isEmpty else { return }
        do throws(ClientError) {
            try await consumer.commit(offsets)
            queue.committed(offsets)
            state.withLock { $0.isFailing = false }
        } catch {
            let isNew = state.withLock { state in
                defer { state.isFailing = true }
                return !state.isFailing
            }
            if isNew {
                logger.warning(
                    "offsets could not be committed; trying again",
                    ["partitions": offsets.count, "error": error])
            }
        }
    }

    private func acquire() async -> Consumer? {
        while true {
            let version = freed.version
            let (consumer, isMine) = state.withLock { state -> (Consumer?, Bool) in
                guard let consumer = state.consumer, !state.isBusy else {
                    return (state.consumer, false)
                }
                state.isBusy = true
                return (consumer, true)
            }
            guard let consumer else { return nil }
            if isMine { return consumer }
            await freed.wait(after: version, milliseconds: 1000)
        }
    }
}
