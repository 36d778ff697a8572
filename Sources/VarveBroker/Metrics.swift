internal import Synchronization
package import VarveWire

/// A number that any thread changes and reads, without a lock.
package final class Counter: Sendable {
    private let value = Atomic<Int>(0)
    package init() {}
    package func add(_ amount: Int = 1) { value.add(amount, ordering: .relaxed) }
    package var count: Int { value.load(ordering: .relaxed) }
}

/// A number that any thread sets and reads, without a lock.
package final class Gauge: Sendable {
    private let value = Atomic<Int>(0)
    package init() {}
    package func set(_ amount: Int) { value.store(amount, ordering: .relaxed) }
    package var amount: Int { value.load(ordering: .relaxed) }
}

/// What the broker counts. `/metrics` and `/status` show it.
package final class Metrics: Sendable {
    package let connectionsOpen = Counter()
    package let connectionsTotal = Counter()
    /// Closed on arrival: over `max.connections`, or out of descriptors.
    package let connectionsRefused = Counter()
    /// Closed for being idle, for half a request, or for not reading.
    package let connectionsTimedOut = Counter()
    /// TLS handshakes that came to their end, and those that failed.
    package let handshakes = Counter()
    package let handshakesFailed = Counter()
    /// Connections closed because of what they sent.
    package let requestsRefused = Counter()
    /// Times a connection was muted because its client was over a quota.
    package let throttled = Counter()
    /// Times a large request had to wait for memory.
    package let framesStarved = Counter()
    package let bytesIn = Counter()
    package let bytesOut = Counter()
    package let batchesAppended = Counter()
    package let batchBytesAppended = Counter()
    package let recordsAppended = Counter()
    package let produceErrors = Counter()
    package let fetchBytes = Counter()
    package let retentionSegments = Counter()
    package let retentionBytes = Counter()
    /// Compactions of a partition that came to their end.
    package let compactions = Counter()
    package let compactionErrors = Counter()
    /// Read and written by compaction.
    package let compactionBytes = Counter()
    package let compactionFreedBytes = Counter()
    package let compactionRecords = Counter()
    /// When the last compaction ended, seconds since 1970; 0 before the first.
    package let compactionLastSeconds = Gauge()
    /// The largest share of bytes not yet compacted of any partition, in percent.
    package let compactionDirtyPercent = Gauge()
    /// Partitions whose compaction failed and is put off.
    package let compactionFailing = Gauge()
    /// Requests by API key.
    private let requests: [Counter]
    private static let keysMax = 128

    package init() {
        requests = (0..<Self.keysMax).map { _ in Counter() }
    }

    func request(_ api: ApiKey) { requests[Int(api.rawValue)].add() }

    /// Requests of one API so far.
    package func requestCount(_ api: ApiKey) -> Int { requests[Int(api.rawValue)].count }
}
