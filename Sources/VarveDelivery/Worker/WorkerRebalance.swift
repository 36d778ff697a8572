internal import VarveClient
internal import VarvePlatform

/// Hands partitions over cleanly when the group divides them anew.
final class WorkerRebalance: RebalanceListener {
    private let queue: DeliveryQueue
    private let sink: any Sink
    private let committer: OffsetCommitter
    private let logger: Logger
    private let waitMillisecondsMax: Int

    init(
        queue: DeliveryQueue, sink: any Sink, committer: OffsetCommitter, logger: Logger,
        waitMillisecondsMax: Int
    ) {
        self.queue = queue
        self.sink = sink
        self.committer = committer
        self.logger = logger
        self.waitMillisecondsMax = waitMillisecondsMax
    }

    func assigned(_ partitions: [TopicPartition]) async {
        for partition in partitions {
            await sink.assigned(topic: partition.topic, partition: partition.partition)
        }
        queue.assign(partitions)
        logger.info("partitions assigned", ["partitions": Self.text(partitions)])
    }

    /// Batches under way get their verdict or are given up, then what has a verdict is committed:
    /// the next owner begins right behind it.
    func revoked(_ partitions: [TopicPartition]) async {
        // A poll that returned just now may still hold records of these partitions. They must
        // enter the queue before it forgets the partitions, not after.
        await queue.pollSettled(millisecondsMax: 5000)
        queue.revoke(partitions)
        await settle(partitions)
        await committer.commit(partitions)
        queue.release(partitions)
        logger.info("partitions revoked", ["partitions": Self.text(partitions)])
    }

    func lost(_ partitions: [TopicPartition]) async {
        await queue.pollSettled(millisecondsMax: 5000)
        queue.revoke(partitions)
        queue.release(partitions)
        logger.warning("partitions lost", ["partitions": Self.text(partitions)])
    }

    private func settle(_ partitions: [TopicPartition]) async {
        let clock = SystemClock()
        let end = clock.monotonicMilliseconds() + Int64(waitMillisecondsMax)
        while true {
            let version = queue.changed.version
            guard queue.isUnderWay(partitions) else { return }
            let left = end - clock.monotonicMilliseconds()
            guard left > 0 else {
                logger.warning(
                    "partitions go while events are at the sink; they may be delivered twice",
                    ["partitions": Self.text(partitions)])
                return
            }
            await queue.changed.wait(after: version, milliseconds: Int(left))
        }
    }

    private static func text(_ partitions: [TopicPartition]) -> String {
        partitions.sorted().map(\.description).joined(separator: ",")
    }
}
