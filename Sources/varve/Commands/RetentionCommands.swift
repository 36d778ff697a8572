internal import FoundationEssentials
internal import VarvePlatform

/// `varve retention show|apply`: what ages out, and letting it go now. Asks the broker's HTTP port.
enum RetentionCommands {
    static let commands = [show, apply]

    private static let topic = Option(
        "--topic", "-t", value: "NAME", repeats: true,
        help: "this topic, partition by partition")

    static let show = Command(
        "retention", "show", summary: "Show what each topic keeps, and what may go now.",
        options: [topic, .http, .json, .config]
    ) { (arguments) throws(CommandError) in
        var topics = try BrokerHTTP(arguments).get("/retention", as: Topics.self).topics
        let wanted = Set(arguments.strings(topic))
        if !wanted.isEmpty { topics = topics.filter { wanted.contains($0.name) } }
        if arguments.has(.json) {
            Output.standard.write(JSONOutput.document(topics))
            return
        }
        Output.standard.write((wanted.isEmpty ? byTopic(topics) : byPartition(topics)).text)
    }

    /// A line for each topic: there are 50 partitions of `__consumer_offsets` alone.
    private static func byTopic(_ topics: [Topic]) -> Table {
        var table = Table(
            ("TOPIC", .left), ("POLICY", .left), ("KEEPS-TIME", .right), ("KEEPS-BYTES", .right),
            ("COUNTS-FROM", .left), ("PARTITIONS", .right), ("BYTES", .right), ("MAY-GO", .right))
        for topic in topics {
            table.row(
                topic.name, topic.cleanupPolicy, topic.keepsTime, topic.keepsBytes, topic.clock,
                "\(topic.partitions.count)",
                Quantity.bytes(topic.partitions.reduce(0) { $0 + $1.bytes }),
                Quantity.bytes(topic.partitions.reduce(0) { $0 + $1.deletableBytes }))
        }
        return table
    }

    private static func byPartition(_ topics: [Topic]) -> Table {
        var table = Table(
            ("TOPIC", .left), ("POLICY", .left), ("KEEPS-TIME", .right), ("KEEPS-BYTES", .right),
            ("COUNTS-FROM", .left), ("PARTITION", .right), ("START-OFFSET", .right),
            ("END-OFFSET", .right), ("BYTES", .right), ("MAY-GO", .right))
        for topic in topics {
            for partition in topic.partitions {
                table.row(
                    topic.name, topic.cleanupPolicy, topic.keepsTime, topic.keepsBytes,
                    topic.clock, "\(partition.partition)", "\(partition.startOffset)",
                    "\(partition.endOffset)", Quantity.bytes(partition.bytes),
                    Quantity.bytes(partition.deletableBytes))
            }
        }
        return table
    }

    static let apply = Command(
        "retention", "apply", summary: "Delete now what retention show says may go.",
        discussion: "The broker does it by itself every log.retention.check.interval.ms.",
        options: [.http, .json, .config]
    ) { (arguments) throws(CommandError) in
        let deleted = try BrokerHTTP(arguments).post("/retention", as: Deleted.self).deleted
        if arguments.has(.json) {
            Output.standard.write(JSONOutput.document(deleted))
            return
        }
        if !deleted.isEmpty {
            var table = Table(
                ("TOPIC", .left), ("PARTITION", .right), ("FROM", .right), ("TO", .right),
                ("BYTES", .right), ("REASON", .left))
            for segment in deleted {
                table.row(
                    segment.topic ?? "", "\(segment.partition ?? 0)", "\(segment.baseOffset)",
                    "\(segment.nextOffset)", Quantity.bytes(segment.bytes), segment.reason)
            }
            Output.standard.write(table.text)
        }
        let bytes = deleted.reduce(0) { $0 + $1.bytes }
        Output.standard.line("\(deleted.count) segments deleted, \(Quantity.bytes(bytes))")
    }

    private struct Topics: Decodable {
        let topics: [Topic]
    }

    private struct Topic: Codable {
        let name: String
        let cleanupPolicy: String
        /// Milliseconds; -1 for ever.
        let retentionMs: Int64
        /// Of each partition; -1 for all.
        let retentionBytes: Int64
        /// `append` or `record`.
        let clock: String
        let partitions: [Partition]

        /// Retention deletes nothing of a topic that is only compacted.
        var ages: Bool { cleanupPolicy.contains("delete") }
        var keepsTime: String {
            ages && retentionMs >= 0 ? Quantity.duration(milliseconds: retentionMs) : "for ever"
        }
        var keepsBytes: String {
            ages && retentionBytes >= 0 ? Quantity.bytes(retentionBytes) : "all"
        }
    }

    private struct Partition: Codable {
        let partition: Int32
        let startOffset: Int64
        let endOffset: Int64
        let bytes: Int64
        let deletable: [Segment]

        /// What may go now.
        var deletableBytes: Int64 { deletable.reduce(0) { $0 + $1.bytes } }
    }

    private struct Segment: Codable {
        var topic: String?
        var partition: Int32?
        let baseOffset: Int64
        let nextOffset: Int64
        let bytes: Int64
        /// `time`, `size` or `trimmed`.
        let reason: String
    }

    private struct Deleted: Decodable {
        let deleted: [Segment]
    }
}
