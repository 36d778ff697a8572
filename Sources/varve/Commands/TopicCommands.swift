internal import VarveClient
internal import VarvePlatform
internal import VarveWire

/// `varve topic create|list|describe|delete`, as kafka-topics.
enum TopicCommands {
    static let commands = [create, list, describe, delete]

    static let topic = Option(
        "--topic", "-t", value: "NAME", repeats: true, help: "the topic, also without the flag")

    /// The topics of a command line: operands and `--topic` mean the same.
    static func names(_ arguments: Arguments) throws(CommandError) -> [String] {
        let names = arguments.operands + arguments.strings(topic)
        guard !names.isEmpty else { throw .usage("\(arguments.command) needs a topic's NAME") }
        return names
    }

    // MARK: create

    private static let partitions = Option(
        "--partitions", "-p", value: "N", help: "how many; the broker's num.partitions otherwise")
    private static let replicas = Option(
        "--replication-factor", "-r", value: "N", help: "for clusters; 1 on a single broker")
    private static let set = Option(
        "--set", "--config", value: "NAME=VALUE", repeats: true,
        help: "a setting by Kafka's name, such as retention.ms=604800000")
    private static let ifNotExists = Option(
        "--if-not-exists", help: "no error when the topic is there already")
    /// `--config` means here what it means in kafka-topics.
    private static let configurationFile = Option(
        Option.config.name, value: "FILE", help: Option.config.help)

    static let create = Command(
        "topic", "create", summary: "Create topics.", operands: "NAME...",
        operandCount: 0...1000,
        options: [
            topic, partitions, replicas, set, ifNotExists, .bootstrap, configurationFile,
            .timeout, .logLevel,
        ] + ClientTLS.options,
        examples: [
            "varve topic create zeek --partitions 6 --set retention.ms=604800000"
        ]
    ) { (arguments) throws(CommandError) in
        let count = try arguments.integer(partitions, in: 1...100_000)
        let factor = try arguments.integer(replicas, in: 1...100)
        let configuration = try arguments.pairs(set)
        let topics = try names(arguments).map {
            NewTopic(
                $0, partitions: Int32(count ?? -1), replicationFactor: Int16(factor ?? -1),
                configuration: configuration)
        }
        try await Session.open(arguments) { (session) throws(CommandError) in
            let results = try await session.asking { () throws(ClientError) in
                try await session.admin.createTopics(topics)
            }
            try report(results, done: "created") { error in
                if case .kafka(.topicAlreadyExists, _) = error {
                    return arguments.has(ifNotExists) ? .ignored : .failed("exists already")
                }
                return .failed("\(error)")
            }
        }
    }

    // MARK: delete

    private static let ifExists = Option("--if-exists", help: "no error when there is none")

    static let delete = Command(
        "topic", "delete", summary: "Delete topics with all their records.", operands: "NAME...",
        operandCount: 0...1000, options: [topic, ifExists] + Session.options
    ) { (arguments) throws(CommandError) in
        let names = try names(arguments)
        try await Session.open(arguments) { (session) throws(CommandError) in
            let results = try await session.asking { () throws(ClientError) in
                try await session.admin.deleteTopics(names)
            }
            try report(results, done: "deleted") { error in
                if case .kafka(.unknownTopicOrPartition, _) = error {
                    return arguments.has(ifExists) ? .ignored : .failed("no such topic")
                }
                return .failed("\(error)")
            }
        }
    }

    private enum Judgement { case ignored, failed(String) }

    /// Prints what was done; the failures, if any, end the command.
    private static func report(
        _ results: [AdminResult], done: String, _ judge: (ClientError) -> Judgement
    ) throws(CommandError) {
        var failures: [String] = []
        for result in results {
            guard let error = result.error else {
                Output.standard.line("\(done) topic \(result.name)")
                continue
            }
            if case .failed(let reason) = judge(error) {
                failures.append("topic \(result.name): \(reason)")
            }
        }
        if !failures.isEmpty { throw .failed(failures.joined(separator: "; ")) }
    }

    // MARK: list

    private static let excludeInternal = Option(
        "--exclude-internal", help: "leave out the broker's own topics")

    static let list = Command(
        "topic", "list", summary: "List topics with their partitions and record counts.",
        options: [excludeInternal, .json] + Session.options
    ) { (arguments) throws(CommandError) in
        try await Session.open(arguments) { (session) throws(CommandError) in
            let topics = try await session.asking { () throws(ClientError) in
                try await session.admin.topics()
            }
            .filter { !(arguments.has(excludeInternal) && $0.isInternal) }
            .sorted { $0.name < $1.name }
            let ends = try await session.ends(topics.flatMap(\.topicPartitions))
            let rows = topics.map { topic in
                TopicRow(
                    name: topic.name, partitions: topic.partitions.count,
                    records: topic.topicPartitions.reduce(0) { sum, partition in
                        sum + (ends[partition].map { $0.end - $0.start } ?? 0)
                    }, isInternal: topic.isInternal)
            }
            if arguments.has(.json) {
                Output.standard.write(JSONOutput.document(rows))
                return
            }
            var table = Table(("TOPIC", .left), ("PARTITIONS", .right), ("RECORDS", .right))
            for row in rows { table.row(row.name, "\(row.partitions)", "\(row.records)") }
            Output.standard.write(table.text)
        }
    }

    private struct TopicRow: Encodable {
        let name: String
        let partitions: Int
        /// Offsets between start and end: an upper bound where compaction or transactions left
        /// holes.
        let records: Int64
        let isInternal: Bool
    }

    // MARK: describe

    static let describe = Command(
        "topic", "describe", summary: "Show topics' partitions, offsets and settings.",
        operands: "[NAME...]", operandCount: 0...1000,
        options: [topic, .json] + Session.options
    ) { (arguments) throws(CommandError) in
        try await Session.open(arguments) { (session) throws(CommandError) in
            let names = arguments.operands + arguments.strings(topic)
            let topics =
                names.isEmpty
                ? try await session.asking { () throws(ClientError) in
                    try await session.admin.topics()
                }.sorted { $0.name < $1.name }
                : try await session.topics(names)
            var descriptions: [Description] = []
            for topic in topics {
                let entries = try await session.asking { () throws(ClientError) in
                    try await session.admin.topicConfiguration(topic.name)
                }
                let ends = try await session.ends(topic.topicPartitions)
                descriptions.append(Description(topic, entries, ends))
            }
            if arguments.has(.json) {
                Output.standard.write(JSONOutput.document(descriptions))
                return
            }
            for (index, description) in descriptions.enumerated() {
                if index > 0 { Output.standard.line() }
                Output.standard.write(description.text)
            }
        }
    }

    private struct Description: Encodable {
        struct Partition: Encodable {
            let partition: Int32
            let leader: Int32
            let replicas: [Int32]
            let inSyncReplicas: [Int32]
            let startOffset: Int64
            let endOffset: Int64
        }
        let name: String
        let topicID: String
        /// Only what was set for this topic.
        let settings: [String: String]
        let partitions: [Partition]

        init(
            _ topic: TopicDescription, _ entries: [ConfigurationEntry],
            _ ends: [TopicPartition: (start: Int64, end: Int64)]
        ) {
            name = topic.name
            topicID = topic.id.description
            settings = Dictionary(
                entries.filter { !$0.isDefault && $0.source == 1 }
                    .map { ($0.name, $0.value ?? "") }, uniquingKeysWith: { $1 })
            partitions = topic.partitions.map { partition in
                let end = ends[TopicPartition(topic: topic.name, partition: partition.partition)]
                return Partition(
                    partition: partition.partition, leader: partition.leader,
                    replicas: partition.replicas, inSyncReplicas: partition.inSyncReplicas,
                    startOffset: end?.start ?? -1, endOffset: end?.end ?? -1)
            }
        }

        /// The first line is kafka-topics' own.
        var text: String {
            let set = settings.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }
            var text =
                "Topic: \(name)\tTopicId: \(topicID)\tPartitionCount: \(partitions.count)\t"
                + "ReplicationFactor: \(partitions.first?.replicas.count ?? 0)\t"
                + "Configs: \(set.joined(separator: ","))\n"
            var table = Table(
                ("PARTITION", .right), ("LEADER", .right), ("REPLICAS", .left), ("ISR", .left),
                ("START-OFFSET", .right), ("END-OFFSET", .right), ("RECORDS", .right))
            for partition in partitions {
                table.row(
                    "\(partition.partition)", "\(partition.leader)",
                    partition.replicas.map(String.init).joined(separator: ","),
                    partition.inSyncReplicas.map(String.init).joined(separator: ","),
                    "\(partition.startOffset)", "\(partition.endOffset)",
                    "\(partition.endOffset - partition.startOffset)")
            }
            text += table.text
            return text
        }
    }
}
