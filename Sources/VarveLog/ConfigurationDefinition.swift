internal import VarveRecords

/// What a configuration's text stands for; Kafka's type names (DescribeConfigs, KIP-569).
package enum ConfigurationType: String, Sendable {
    case boolean, string, int, long, double, list
}

/// One topic configuration: its name and what it means.
package struct ConfigurationDefinition: Sendable {
    package let name: String
    package let type: ConfigurationType
    package let defaultValue: String
    package let documentation: String
    /// The smallest and largest number it takes, where it is one.
    let range: ClosedRange<Int64>
    /// The words it takes, where it takes only certain ones; empty for any text.
    let words: [String]

    private init(
        _ name: String, _ type: ConfigurationType, _ defaultValue: String,
        in range: ClosedRange<Int64> = Int64.min...Int64.max, words: [String] = [],
        _ documentation: String
    ) {
        self.name = name
        self.type = type
        self.defaultValue = defaultValue
        self.range = range
        self.words = words
        self.documentation = documentation
    }

    /// Every topic configuration, by name. Names, defaults and bounds are Kafka 4's (TopicConfig,
    /// LogConfig), where the name does not begin with `varve.`.
    static let all: [ConfigurationDefinition] = [
        .init(
            "cleanup.policy", .list, "delete", words: ["delete", "compact"],
            "delete: old segments go by retention. compact: the last value of each key stays."),
        .init(
            "compression.gzip.level", .int, "-1", in: -1...9,
            "How hard gzip tries where compression.type is gzip: 1 to 9, -1 for zlib's default."),
        .init(
            "compression.lz4.level", .int, "9", in: 1...17,
            "How hard LZ4 tries where compression.type is lz4. 9 is the fast compressor, as in "
                + "Kafka; the others are LZ4HC's, of which this library has 3 to 12."),
        .init(
            "compression.type", .string, "producer",
            words: ["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"],
            "The codec batches are kept in; others are recompressed. producer: each as it came."),
        .init(
            "compression.zstd.level", .int, "3", in: -131_072...22,
            "How hard Zstandard tries where compression.type is zstd."),
        .init(
            "delete.retention.ms", .long, "86400000", in: 0...Int64.max,
            "How long a compacted topic keeps the marks of deleted keys."),
        .init(
            "file.delete.delay.ms", .long, "60000", in: 0...Int64.max,
            "Taken for compatibility: readers in flight keep deleted files open by themselves."),
        .init(
            "flush.messages", .long, "9223372036854775807", in: 1...Int64.max,
            "Taken for compatibility: every acknowledged batch is synced."),
        .init(
            "flush.ms", .long, "9223372036854775807", in: 0...Int64.max,
            "Taken for compatibility: every acknowledged batch is synced."),
        .init(
            "follower.replication.throttled.replicas", .list, "",
            "Taken for compatibility: with one replica nothing is replicated."),
        .init(
            "index.interval.bytes", .int, "4096", in: 0...Int64(Int32.max),
            "Bytes of log between two entries of the offset index."),
        .init(
            "leader.replication.throttled.replicas", .list, "",
            "Taken for compatibility: with one replica nothing is replicated."),
        .init(
            "local.retention.bytes", .long, "-2", in: -2...Int64.max,
            "Taken for compatibility: without tiered storage retention.bytes is what counts."),
        .init(
            "local.retention.ms", .long, "-2", in: -2...Int64.max,
            "Taken for compatibility: without tiered storage retention.ms is what counts."),
        .init(
            "max.compaction.lag.ms", .long, "9223372036854775807", in: 1...Int64.max,
            "A record is compacted at the latest after this time."),
        .init(
            "max.message.bytes", .int, "1048588", in: 0...Int64(Int32.max),
            "The largest record batch the topic takes, in bytes."),
        .init(
            "message.timestamp.after.max.ms", .long, "3600000", in: 0...Int64.max,
            "How far a record's time may lie ahead of the broker's clock."),
        .init(
            "message.timestamp.before.max.ms", .long, "9223372036854775807", in: 0...Int64.max,
            "How far a record's time may lie behind the broker's clock."),
        .init(
            "message.timestamp.type", .string, "CreateTime",
            words: ["CreateTime", "LogAppendTime"],
            "Whether a record's time is the producer's or the moment of its append."),
        .init(
            "min.cleanable.dirty.ratio", .double, "0.5",
            "The share of not yet compacted bytes from which a log is compacted."),
        .init(
            "min.compaction.lag.ms", .long, "0", in: 0...Int64.max,
            "A record is not compacted before this time."),
        .init(
            "min.insync.replicas", .int, "1", in: 1...Int64(Int32.max),
            "Replicas that must have a batch before acks=all answers. There is one."),
        .init(
            "preallocate", .boolean, "false",
            "Taken for compatibility: segments are never preallocated."),
        .init(
            "remote.log.copy.disable", .boolean, "false",
            "Taken for compatibility: there is no tiered storage."),
        .init(
            "remote.log.delete.on.disable", .boolean, "false",
            "Taken for compatibility: there is no tiered storage."),
        .init(
            "remote.storage.enable", .boolean, "false", words: ["false"],
            "There is no tiered storage, so only false is taken."),
        .init(
            "retention.bytes", .long, "-1", in: -1...Int64.max,
            "The most bytes a partition keeps; -1 for no limit. Whole segments go."),
        .init(
            "retention.ms", .long, "604800000", in: -1...Int64.max,
            "How long a partition keeps its segments; -1 for ever."),
        .init(
            "segment.bytes", .int, "1073741824", in: 1024...Int64(Int32.max),
            "A segment is closed before it grows larger than this."),
        .init(
            "segment.index.bytes", .int, "10485760", in: 4...Int64(Int32.max),
            "Taken for compatibility: indexes grow as they need."),
        .init(
            "segment.jitter.ms", .long, "0", in: 0...Int64.max,
            "Taken for compatibility: segments are not closed at random times."),
        .init(
            "segment.ms", .long, "604800000", in: 1...Int64.max,
            "A segment is closed this long after its first append."),
        .init(
            "unclean.leader.election.enable", .boolean, "false",
            "Taken for compatibility: there is one replica."),
        .init(
            "varve.quota.bytes", .long, "-1", in: -1...Int64.max,
            "The most bytes the topic holds, over all partitions; -1 for no limit. Beyond it "
                + "Produce is refused, retriable, until retention or a trim has made room."),
        .init(
            "varve.retention.clock", .string, "append", words: ["append", "record"],
            "What retention.ms counts from: append, the time of the append, so that wrong clocks "
                + "and replayed logs neither pin nor delete data; record, Kafka's rule, the "
                + "newest time the records claim."),
    ]

    static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// What is wrong with `value`; nil when it may stand here.
    func reasonAgainst(_ value: String) -> String? {
        switch type {
        case .boolean:
            guard value == "true" || value == "false" else { return "must be true or false" }
            return words.isEmpty || words.contains(value)
                ? nil : "must be \(words.joined(separator: ", ")): \(documentation)"
        case .int, .long:
            guard let number = Int64(value) else { return "\"\(value)\" is not a whole number" }
            guard range.contains(number) else {
                return "must be \(range.lowerBound) to \(range.upperBound)"
            }
            // Level 0 of gzip would not compress; Kafka does not take it either.
            return name == "compression.gzip.level" && number == 0 ? "must not be 0" : nil
        case .double:
            guard let number = Double(value), number >= 0, number <= 1 else {
                return "must be a number from 0 to 1"
            }
            return nil
        case .string:
            guard words.isEmpty || words.contains(value) else {
                return "must be one of \(words.joined(separator: ", "))"
            }
            return name == "compression.type" ? Self.reasonAgainstCodec(value) : nil
        case .list:
            let parts = Self.parts(of: value)
            if words.isEmpty { return Self.reasonAgainstReplicas(parts) }
            return parts.allSatisfy(words.contains) && Set(parts).count == parts.count
                ? nil : "must be a list of \(words.joined(separator: ", "))"
        }
    }

    /// The codec that a `compression.type` stands for; nil for "producer".
    static func codec(named value: String) -> CompressionCodec? {
        value == "uncompressed" ? CompressionCodec.none : CompressionCodec(name: value)
    }

    private static func reasonAgainstCodec(_ value: String) -> String? {
        guard let codec = codec(named: value), !codec.isBuiltIn else { return nil }
        return "this build has no \(value) codec (its package trait is off)"
    }

    /// Replicas are told as partition:broker, or all of them as "*" (ThrottledReplicaListValidator).
    private static func reasonAgainstReplicas(_ parts: [String]) -> String? {
        let areReplicas = parts.allSatisfy { part in
            let numbers = part.split(separator: ":", omittingEmptySubsequences: false)
            return numbers.count == 2 && numbers.allSatisfy { UInt32($0) != nil }
        }
        return areReplicas || parts == ["*"]
            ? nil : "must be a list of partition:broker, or *"
    }

    /// A list's parts, without spaces around them.
    static func parts(of value: String) -> [String] {
        value.split(separator: ",").map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
    }
}
