import Foundation
import Testing
import VarveClient
import VarvePlatform
import VarveRecords

/// Values from several tasks and threads, in the order they came.
final class Collector<Value: Sendable>: Sendable {
    private let lock = Lock<[Value]>([])
    var values: [Value] { lock.withLock { $0 } }
    func add(_ value: Value) { lock.withLock { $0.append(value) } }
}

/// What the readers of one group did, together.
final class SharedLog: Sendable {
    private struct State {
        var processed: Set<String> = []
        var values: [String] = []
        var owners: [TopicPartition: Int] = [:]
        var overlaps: [TopicPartition] = []
    }
    private let state = Lock(State())

    /// Every value that was committed, in the order of commits.
    var values: [String] { state.withLock { $0.values } }
    /// Partitions that were given to one reader before another had given them up.
    var overlaps: [TopicPartition] { state.withLock { $0.overlaps } }

    /// Every value that came, committed or not: whoever dies between the two leaves it so.
    var processed: Set<String> { state.withLock { $0.processed } }

    func process(_ values: [String]) { state.withLock { $0.processed.formUnion(values) } }
    func add(_ values: [String]) { state.withLock { $0.values += values } }

    func own(_ partitions: [TopicPartition], _ change: Int) {
        state.withLock { state in
            for partition in partitions {
                state.owners[partition, default: 0] += change
                if state.owners[partition]! > 1 { state.overlaps.append(partition) }
            }
        }
    }
}

/// A group member that commits whatever it polls, at once, and counts it once it is committed.
final class GroupReader: Sendable {
    let consumer: Consumer
    private let listener: Listener
    private let task: Task<Void, any Error>

    /// Tells the log who owns what, and waits for the batch in hand when something is revoked.
    private final class Listener: RebalanceListener {
        let log: SharedLog
        let busy = Lock(false)
        init(_ log: SharedLog) { self.log = log }
        func assigned(_ partitions: [TopicPartition]) async { log.own(partitions, 1) }
        func revoked(_ partitions: [TopicPartition]) async {
            while busy.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(1)) }
            log.own(partitions, -1)
        }
        func lost(_ partitions: [TopicPartition]) async { log.own(partitions, -1) }
    }

    init(
        _ cluster: Cluster, group: String, topic: String, _ log: SharedLog,
        _ change: (inout ConsumerConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = ConsumerConfiguration(groupID: group, topics: [topic])
        configuration.sessionTimeoutMilliseconds = 20_000
        configuration.rebalanceTimeoutMilliseconds = 30_000
        configuration.heartbeatIntervalMilliseconds = 200
        configuration.fetchWaitMilliseconds = 50
        change(&configuration)
        let listener = Listener(log)
        let consumer = try Consumer(cluster, configuration, rebalance: listener)
        self.consumer = consumer
        self.listener = listener
        task = Task {
            while true {
                listener.busy.withLock { $0 = true }
                let fetched: [FetchedRecords]
                do {
                    fetched = try await consumer.poll(timeoutMilliseconds: 20)
                } catch ClientError.closed {
                    listener.busy.withLock { $0 = false }
                    return
                }
                for part in fetched {
                    let values = part.records.map { $0.value?.string ?? "" }
                    log.process(values)
                    do {
                        try await consumer.commit([part.topicPartition: part.nextOffset])
                        log.add(values)
                    } catch ClientError.kafka {
                        // Revoked meanwhile: whoever has it now reads it again.
                    }
                }
                listener.busy.withLock { $0 = false }
                await Task.yield()
            }
        }
    }

    var assignment: [TopicPartition] { consumer.assignment }

    func close() async {
        await consumer.close()
        _ = await task.result
    }
}

extension Consumer {
    /// Polls until `count` records have come, in the order they came.
    func collect(_ count: Int, seconds: Double = 60) async throws -> [Record] {
        var records: [Record] = []
        let deadline = Date().addingTimeInterval(seconds)
        while records.count < count {
            guard Date() < deadline else { throw WaitError(what: "\(records.count) of \(count)") }
            records += try await poll(timeoutMilliseconds: 100).flatMap(\.records)
        }
        return records
    }
}

struct WaitError: Error { let what: String }

/// Waits until `condition` holds; throws after `seconds`.
func eventually(
    seconds: Double = 60, _ what: String = "", _ condition: () async throws -> Bool
) async throws {
    let deadline = Date().addingTimeInterval(seconds)
    while try await !condition() {
        guard Date() < deadline else { throw WaitError(what: what) }
        try await Task.sleep(for: .milliseconds(10))
    }
}
