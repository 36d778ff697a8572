internal import VarveClient
internal import VarveDelivery
internal import VarvePlatform
internal import VarveRecords

/// Reads the ranges of a replay and hands them to its target, in the order of each partition (D5).
struct ReplayRun {
    /// Events handed over at once.
    private static let batchEvents = 1000

    private let session: Session
    private let ranges: [ReplayRange]
    private let target: any ReplayTarget

    init(_ session: Session, _ ranges: [ReplayRange], to target: any ReplayTarget) {
        self.session = session
        self.ranges = ranges
        self.target = target
    }

    /// Returns when every event of the ranges has its final verdict.
    func run() async throws(CommandError) -> ReplayOutcome {
        let bar = ProgressBar(
            "replaying", unit: "events", total: ranges.reduce(0) { $0 + $1.count })
        do throws(CommandError) {
            let outcome = try await read(bar)
            try await target.end()
            bar.finish()
            return outcome
        } catch {
            bar.finish()
            await target.abandon()
            throw error
        }
    }

    private func read(_ bar: ProgressBar) async throws(CommandError) -> ReplayOutcome {
        var outcome = ReplayOutcome()
        guard !ranges.isEmpty else { return outcome }
        let consumer = try await session.asking { () throws(ClientError) in
            let consumer = try Consumer(session.cluster, ConsumerConfiguration())
            try consumer.assign(
                Dictionary(uniqueKeysWithValues: ranges.map { ($0.topicPartition, $0.from) }))
            return consumer
        }
        var open = Dictionary(uniqueKeysWithValues: ranges.map { ($0.topicPartition, $0) })
        do throws(CommandError) {
            while !open.isEmpty {
                let fetched = try await session.asking { () throws(ClientError) in
                    try await consumer.poll(timeoutMilliseconds: 500)
                }
                for batch in fetched {
                    guard let range = open[batch.topicPartition] else { continue }
                    let events = batch.records.filter { $0.offset < range.to }.map {
                        Event(topic: batch.topic, partition: batch.partition, record: $0)
                    }
                    for start in stride(from: 0, to: events.count, by: Self.batchEvents) {
                        let piece = events[start..<min(start + Self.batchEvents, events.count)]
                        outcome += try await target.deliver(Array(piece))
                        bar.advance(Int64(piece.count))
                    }
                    if batch.nextOffset >= range.to {
                        open[batch.topicPartition] = nil
                        consumer.pause([batch.topicPartition])
                    }
                }
            }
        } catch {
            await consumer.close()
            throw error
        }
        await consumer.close()
        return outcome
    }
}
