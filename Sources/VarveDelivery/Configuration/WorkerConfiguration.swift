internal import FoundationEssentials

/// What one delivery worker does, as it stands in varve.json under `workers`.
///
/// Every key but `name`, `topics` and `sink` may be left out. An unknown key is refused by name.
package struct WorkerConfiguration: Decodable, Sendable {
    /// Names the worker in commands, log lines, its group and its dead-letter topic.
    package var name: String
    /// The topics it reads.
    package var topics: [String]
    /// Its consumer group; workers with one group share the partitions. Default `varve-<name>`.
    package var group: String
    /// Where a group without committed offsets begins. Default `earliest`.
    package var from: Start
    package var sink: SinkConfiguration
    /// Applied to each event in this order.
    package var transforms: [TransformConfiguration]
    package var batch: BatchLimits
    /// How many batches may be under way at once. A partition's events stay on one of them, so
    /// their order holds (D5). Default 2.
    package var concurrency: Int
    package var retry: RetryPolicy
    /// Where events go that the sink will never take. Default `<name>.dead-letter`.
    package var deadLetterTopic: String
    /// The bytes of events that may be read and not yet finished. Default 64 MiB.
    package var inFlightBytes: Int
    /// How often finished offsets are committed. Default 1000.
    package var commitMilliseconds: Int
    /// How long a stopping worker waits for batches under way. Default 10000.
    package var shutdownMilliseconds: Int
    /// After how long a silent member's partitions go to others. Default 10000.
    package var sessionTimeoutMilliseconds: Int

    package enum Start: String, Decodable, Sendable, CaseIterable {
        case earliest, latest
    }

    package init(name: String, topics: [String], sink: SinkConfiguration) {
        self.name = name
        self.topics = topics
        self.sink = sink
        group = "varve-\(name)"
        from = .earliest
        transforms = []
        batch = sink.batchDefaults
        concurrency = 2
        retry = RetryPolicy()
        deadLetterTopic = "\(name).dead-letter"
        inFlightBytes = 64 << 20
        commitMilliseconds = 1000
        shutdownMilliseconds = 10_000
        sessionTimeoutMilliseconds = 10_000
    }

    private enum Key: String, CodingKey, CaseIterable {
        case name, topics, group, from, sink, transforms, batch, concurrency, retry
        case deadLetterTopic, inFlightBytes, commitMilliseconds, shutdownMilliseconds
        case sessionTimeoutMilliseconds
    }

    package init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        self.init(
            name: try keys.decode(String.self, forKey: .name),
            topics: try keys.decode([String].self, forKey: .topics),
            sink: try keys.decode(SinkConfiguration.self, forKey: .sink))
        guard Self.isTopicName("\(name).dead-letter") else {
            throw keys.failure(.name, "may have letters, digits, '.', '_' and '-' only")
        }
        guard !topics.isEmpty else { throw keys.failure(.topics, "names no topic") }
        for topic in topics where !Self.isTopicName(topic) {
            throw keys.failure(.topics, "'\(topic)' is no topic name")
        }
        group = try keys.text(.group, default: group)
        if let text = try keys.decodeIfPresent(String.self, forKey: .from) {
            guard let start = Start(rawValue: text) else {
                throw keys.failure(.from, "'\(text)' is neither earliest nor latest")
            }
            from = start
        }
        transforms =
            try keys.decodeIfPresent([TransformConfiguration].self, forKey: .transforms) ?? []
        if keys.contains(.batch) {
            batch = try BatchLimits(
                from: try keys.superDecoder(forKey: .batch), defaults: sink.batchDefaults)
        }
        concurrency = try keys.number(.concurrency, default: concurrency, in: 1...64)
        retry = try keys.decodeIfPresent(RetryPolicy.self, forKey: .retry) ?? retry
        deadLetterTopic = try keys.text(.deadLetterTopic, default: deadLetterTopic)
        guard Self.isTopicName(deadLetterTopic) else {
            throw keys.failure(.deadLetterTopic, "'\(deadLetterTopic)' is no topic name")
        }
        guard !topics.contains(deadLetterTopic) else {
            throw keys.failure(.deadLetterTopic, "the worker reads this topic itself")
        }
        inFlightBytes = try keys.number(
            .inFlightBytes, default: inFlightBytes, in: (1 << 20)...(16 << 30))
        commitMilliseconds = try keys.number(
            .commitMilliseconds, default: commitMilliseconds, in: 10...60_000)
        shutdownMilliseconds = try keys.number(
            .shutdownMilliseconds, default: shutdownMilliseconds, in: 0...600_000)
        sessionTimeoutMilliseconds = try keys.number(
            .sessionTimeoutMilliseconds, default: sessionTimeoutMilliseconds, in: 1000...1_800_000)
    }

    /// Kafka's rule: 1 to 249 of letters, digits, '.', '_', '-', and not "." or "..".
    static func isTopicName(_ name: String) -> Bool {
        (1...249).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                    UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

/// When a batch is complete: whichever limit is met first.
package struct BatchLimits: Equatable, Sendable {
    /// At most this many events.
    package var events: Int
    /// At most this many bytes of keys and values, except that one event always fits.
    package var bytes: Int
    /// The longest that a batch's first event waits for others.
    package var ageMilliseconds: Int

    package init(events: Int = 1000, bytes: Int = 5 << 20, ageMilliseconds: Int = 1000) {
        self.events = events
        self.bytes = bytes
        self.ageMilliseconds = ageMilliseconds
    }

    private enum Key: String, CodingKey, CaseIterable {
        case events, bytes, ageMilliseconds
    }

    init(from decoder: any Decoder, defaults: BatchLimits) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        events = try keys.number(.events, default: defaults.events, in: 1...1_000_000)
        bytes = try keys.number(.bytes, default: defaults.bytes, in: 1...(1 << 30))
        ageMilliseconds = try keys.number(
            .ageMilliseconds, default: defaults.ageMilliseconds, in: 0...3_600_000)
    }
}

/// How a worker tries again: exponential backoff with full jitter, for ever by default (D3).
package struct RetryPolicy: Decodable, Equatable, Sendable {
    /// The first wait is between 0 and this.
    package var firstMilliseconds: Int
    /// No wait is longer than this.
    package var maxMilliseconds: Int
    /// After this many tries an event goes to the dead-letter topic; 0 is never.
    package var attempts: Int
    /// The wait between tries while the sink is paused (credentials, configuration).
    package var pausedMilliseconds: Int

    package init(
        firstMilliseconds: Int = 500, maxMilliseconds: Int = 60_000, attempts: Int = 0,
        pausedMilliseconds: Int = 30_000
    ) {
        self.firstMilliseconds = firstMilliseconds
        self.maxMilliseconds = maxMilliseconds
        self.attempts = attempts
        self.pausedMilliseconds = pausedMilliseconds
    }

    private enum Key: String, CodingKey, CaseIterable {
        case firstMilliseconds, maxMilliseconds, attempts, pausedMilliseconds
    }

    package init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        let standard = RetryPolicy()
        firstMilliseconds = try keys.number(
            .firstMilliseconds, default: standard.firstMilliseconds, in: 1...600_000)
        maxMilliseconds = try keys.number(
            .maxMilliseconds, default: max(standard.maxMilliseconds, firstMilliseconds),
            in: firstMilliseconds...3_600_000)
        attempts = try keys.number(.attempts, default: 0, in: 0...1_000_000)
        pausedMilliseconds = try keys.number(
            .pausedMilliseconds, default: standard.pausedMilliseconds, in: 10...3_600_000)
    }
}
