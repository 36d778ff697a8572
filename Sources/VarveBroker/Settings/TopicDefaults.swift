package import VarveLog

/// Where topics get what they do not set themselves: from broker settings, by Kafka's pairs of
/// names (`log.segment.bytes` is the default of `segment.bytes`).
/// Source: `ServerTopicConfigSynonyms`.
package enum TopicDefaults {
    /// Topic configuration, the broker settings that give its default (the first that is set
    /// counts), and what one of the setting's units is in the topic's.
    static let synonyms: [(topic: String, settings: [(name: String, scale: Int64)])] = [
        ("cleanup.policy", [("log.cleanup.policy", 1)]),
        ("compression.gzip.level", [("compression.gzip.level", 1)]),
        ("compression.lz4.level", [("compression.lz4.level", 1)]),
        ("compression.type", [("compression.type", 1)]),
        ("compression.zstd.level", [("compression.zstd.level", 1)]),
        ("delete.retention.ms", [("log.cleaner.delete.retention.ms", 1)]),
        ("index.interval.bytes", [("log.index.interval.bytes", 1)]),
        ("max.compaction.lag.ms", [("log.cleaner.max.compaction.lag.ms", 1)]),
        ("max.message.bytes", [("message.max.bytes", 1)]),
        ("message.timestamp.after.max.ms", [("log.message.timestamp.after.max.ms", 1)]),
        ("message.timestamp.before.max.ms", [("log.message.timestamp.before.max.ms", 1)]),
        ("message.timestamp.type", [("log.message.timestamp.type", 1)]),
        ("min.cleanable.dirty.ratio", [("log.cleaner.min.cleanable.ratio", 1)]),
        ("min.compaction.lag.ms", [("log.cleaner.min.compaction.lag.ms", 1)]),
        ("min.insync.replicas", [("min.insync.replicas", 1)]),
        ("retention.bytes", [("log.retention.bytes", 1)]),
        (
            "retention.ms",
            [
                ("log.retention.ms", 1), ("log.retention.minutes", 60_000),
                ("log.retention.hours", 3_600_000),
            ]
        ),
        ("segment.bytes", [("log.segment.bytes", 1)]),
        ("segment.ms", [("log.roll.ms", 1), ("log.roll.hours", 3_600_000)]),
        ("varve.retention.clock", [("varve.retention.clock", 1)]),
    ]

    /// The setting that is in force for topic configuration `name`; nil when the broker sets none.
    static func source(of name: String, in settings: BrokerSettings) -> String? {
        synonyms.first { $0.topic == name }?.settings.first { settings.isSet($0.name) }?.name
    }

    /// Setting `name`, and those that count where it is not set.
    static func names(from name: String) -> [String] {
        for (_, settings) in synonyms {
            let names = settings.map(\.name)
            if let index = names.firstIndex(of: name) { return Array(names[index...]) }
        }
        return [name]
    }

    /// What gives topic configuration `name` its value where nobody set anything, and that value
    /// in its own units: the broker setting that has a default; nil where there is none.
    static func standard(of name: String) -> (name: String, value: String)? {
        synonyms.first { $0.topic == name }?.settings.lazy
            .map { ($0.name, BrokerSettings.byName[$0.name]!.defaultValue) }
            .first { !$0.1.isEmpty }
    }

    /// The defaults for topics under `settings`.
    /// - Throws: `.badSetting` where a setting's value is none that topics take.
    package static func configuration(
        _ settings: BrokerSettings
    ) throws(BrokerError) -> TopicConfiguration {
        var values: [String: String] = [:]
        for (topic, names) in synonyms {
            guard let (name, scale) = names.first(where: { settings.isSet($0.name) }) else {
                continue
            }
            let value = settings.value(of: name)
            if scale == 1 {
                values[topic] = value
            } else {
                let number = settings.integer(name)
                // -1 is "for ever" in every unit.
                values[topic] =
                    number < 0
                    ? "-1" : "\(number.multipliedReportingOverflow(by: scale).partialValue)"
                guard !number.multipliedReportingOverflow(by: scale).overflow else {
                    throw .badSetting(name: name, reason: "\(value) is too large")
                }
            }
            do throws(LogError) {
                _ = try TopicConfiguration(overrides: [topic: values[topic]!])
            } catch {
                throw .badSetting(name: name, reason: "\(error)")
            }
        }
        do throws(LogError) {
            return try TopicConfiguration(overrides: values).asDefaults
        } catch {
            throw .badSetting(name: "log", reason: "\(error)")
        }
    }
}
