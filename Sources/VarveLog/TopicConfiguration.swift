package import VarveRecords

/// How one topic keeps its records, under Kafka's configuration names.
///
/// What a topic says itself (`overrides`) goes before the broker's defaults. The typed properties
/// are what the log works with.
package struct TopicConfiguration: Equatable, Sendable {
    /// What the topic itself sets, as it was written.
    package let overrides: [String: String]
    /// Values that differ from `definitions`, the topic's own and the broker's.
    private let values: [String: String]

    /// A segment is closed before it grows beyond this.
    package private(set) var segmentBytes = 1 << 30
    /// A segment is closed this long after its first append.
    package private(set) var segmentMilliseconds: Int64 = 604_800_000
    /// Nil: for ever.
    package private(set) var retentionMilliseconds: Int64?
    /// Nil: without limit.
    package private(set) var retentionBytes: Int64?
    /// Bytes of all its partitions beyond which appends are refused. Nil: without limit.
    package private(set) var quotaBytes: Int64?
    package private(set) var maxMessageBytes = 1_048_588
    package private(set) var indexIntervalBytes = 4096
    package private(set) var isDeleting = true
    package private(set) var isCompacting = false
    package private(set) var usesAppendTime = false
    /// What clients' batches are compressed with before they are kept; nil: each as it came.
    package private(set) var codec: CompressionCodec?
    /// How hard `codec` tries, as in `CompressionCodec.compress`; nil for a codec without levels.
    package private(set) var codecLevel: Int32?
    package private(set) var timestampBeforeMaxMilliseconds = Int64.max
    package private(set) var timestampAfterMaxMilliseconds: Int64 = 3_600_000
    /// Retention counts from the records' own times (Kafka's rule), not from the append.
    package private(set) var retentionUsesRecordTime = false
    package private(set) var minInsyncReplicas = 1
    /// How long a compacted topic keeps tombstones and transaction markers.
    package private(set) var deleteRetentionMilliseconds: Int64 = 86_400_000
    /// From this share of bytes not yet compacted on, the log is compacted.
    package private(set) var minCleanableDirtyRatio = 0.5
    package private(set) var minCompactionLagMilliseconds: Int64 = 0
    package private(set) var maxCompactionLagMilliseconds = Int64.max
    /// A segment's index is kept below this where segments are merged.
    package private(set) var segmentIndexBytes = 10 << 20

    /// Every name there is, sorted.
    package static let definitions = ConfigurationDefinition.all

    /// Kafka's defaults.
    package init() {
        overrides = [:]
        values = [:]
        read()
    }

    /// `overrides` on top of `defaults`.
    /// - Throws: `.invalidConfiguration`, naming the first name (in order) that is unknown or
    ///   has a value it does not take.
    package init(
        overrides: [String: String], defaults: TopicConfiguration = .init()
    ) throws(LogError) {
        for (name, value) in overrides.sorted(by: { $0.key < $1.key }) {
            guard let definition = ConfigurationDefinition.byName[name] else {
                throw .invalidConfiguration(name: name, reason: "there is no such configuration")
            }
            if let reason = definition.reasonAgainst(value) {
                throw .invalidConfiguration(name: name, reason: reason)
            }
        }
        self.overrides = overrides
        values = defaults.values.merging(overrides) { $1 }
        read()
    }

    /// The same values as defaults for others: nothing counts as the topic's own any more.
    package var asDefaults: TopicConfiguration { TopicConfiguration(values: values) }

    /// The same overrides on top of other defaults.
    func on(_ defaults: TopicConfiguration) -> TopicConfiguration {
        TopicConfiguration(
            overrides: overrides, values: defaults.values.merging(overrides) { $1 })
    }

    private init(overrides: [String: String] = [:], values: [String: String]) {
        self.overrides = overrides
        self.values = values
        read()
    }

    /// The value in force for `name`, as text. Traps on a name that is not in `definitions`.
    package func value(of name: String) -> String {
        values[name] ?? ConfigurationDefinition.byName[name]!.defaultValue
    }

    private mutating func read() {
        func number(_ name: String) -> Int64 { Int64(value(of: name))! }
        segmentBytes = Int(number("segment.bytes"))
        segmentMilliseconds = number("segment.ms")
        retentionMilliseconds = number("retention.ms") < 0 ? nil : number("retention.ms")
        retentionBytes = number("retention.bytes") < 0 ? nil : number("retention.bytes")
        quotaBytes = number("varve.quota.bytes") < 0 ? nil : number("varve.quota.bytes")
        maxMessageBytes = Int(number("max.message.bytes"))
        indexIntervalBytes = Int(number("index.interval.bytes"))
        let policies = ConfigurationDefinition.parts(of: value(of: "cleanup.policy"))
        isDeleting = policies.contains("delete")
        isCompacting = policies.contains("compact")
        usesAppendTime = value(of: "message.timestamp.type") == "LogAppendTime"
        codec = ConfigurationDefinition.codec(named: value(of: "compression.type"))
        codecLevel =
            switch codec {
            case .gzip: Int32(number("compression.gzip.level"))
            case .lz4: Int32(number("compression.lz4.level"))
            case .zstd: Int32(number("compression.zstd.level"))
            case .snappy, .some(.none), nil: nil
            }
        timestampBeforeMaxMilliseconds = number("message.timestamp.before.max.ms")
        timestampAfterMaxMilliseconds = number("message.timestamp.after.max.ms")
        retentionUsesRecordTime = value(of: "varve.retention.clock") == "record"
        minInsyncReplicas = Int(number("min.insync.replicas"))
        deleteRetentionMilliseconds = number("delete.retention.ms")
        minCleanableDirtyRatio = Double(value(of: "min.cleanable.dirty.ratio"))!
        minCompactionLagMilliseconds = number("min.compaction.lag.ms")
        maxCompactionLagMilliseconds = number("max.compaction.lag.ms")
        segmentIndexBytes = Int(number("segment.index.bytes"))
        // Only closed segments are compacted, so one must be closed in time for that (KIP-354).
        if isCompacting {
            segmentMilliseconds = min(segmentMilliseconds, maxCompactionLagMilliseconds)
        }
    }
}
