internal import FoundationEssentials
internal import VarveClient
internal import VarvePlatform

/// `varve group reset-offsets`: moves a group that is not at work.
enum GroupResetCommand {
    private static let topic = Option(
        "--topic", "-t", value: "NAME[:N,N]", repeats: true,
        help: "these topics, or some of their partitions")
    private static let allTopics = Option(
        "--all-topics", help: "every topic that the group has offsets in")
    private static let execute = Option("--execute", help: "do it; otherwise only show it")
    private static let dryRun = Option(
        "--dry-run", help: "only show what would be done; the default")
    private static let export = Option("--export", help: "print CSV that --from-file reads")
    private static let toEarliest = Option("--to-earliest", help: "to the first record")
    private static let toLatest = Option("--to-latest", help: "to the end")
    private static let toCurrent = Option("--to-current", help: "to what is committed now")
    private static let toOffset = Option("--to-offset", value: "N", help: "to an offset")
    private static let toTime = Option(
        "--to-datetime", value: "TIME", help: "to the first record at or after a time")
    private static let byDuration = Option(
        "--by-duration", value: "PnDTnHnMnS", help: "back by a duration from now")
    private static let shiftBy = Option(
        "--shift-by", value: "N", help: "by N records; -N goes back")
    private static let fromFile = Option(
        "--from-file", value: "FILE", help: "to what CSV lines topic,partition,offset say")

    private static let ways = [
        toEarliest, toLatest, toCurrent, toOffset, toTime, byDuration, shiftBy, fromFile,
    ]

    static let command = Command(
        "group", "reset-offsets", summary: "Move a group's offsets; a dry run unless --execute.",
        discussion: "Refused while the group has members.", operands: "[NAME]",
        operandCount: 0...1,
        options: [GroupCommands.group, topic, allTopics] + ways + [execute, dryRun, export, .json]
            + Session.options,
        examples: [
            "varve group reset-offsets --group analysts --topic zeek --to-earliest",
            "varve group reset-offsets analysts --all-topics --by-duration PT2H --execute",
        ], run: run)

    private struct Row: Encodable {
        let group: String
        let topic: String
        let partition: Int32
        let currentOffset: Int64?
        let newOffset: Int64
    }

    @Sendable private static func run(_ arguments: Arguments) async throws(CommandError) {
        let names = arguments.operands + arguments.strings(GroupCommands.group)
        guard names.count == 1 else { throw .usage("group reset-offsets needs one --group NAME") }
        let chosen = ways.filter { arguments.has($0) }
        guard chosen.count == 1 else {
            throw .usage(
                "group reset-offsets needs "
                    + (chosen.isEmpty ? "one of " : "only one of ")
                    + ways.map(\.name).joined(separator: ", "))
        }
        if arguments.has(execute), arguments.has(dryRun) {
            throw .usage("--execute and --dry-run exclude each other")
        }
        let group = names[0]
        try await Session.open(arguments) { (session) throws(CommandError) in
            try await refuseActive(group, session)
            let committed = try await session.asking { () throws(ClientError) in
                try await session.admin.groupOffsets(group)
            }.filter { $0.value.offset >= 0 }.mapValues(\.offset)
            let partitions = try await partitions(arguments, session, group, committed)
            let targets = try await targets(arguments, session, partitions, committed)
            let rows = targets.sorted { $0.key < $1.key }.map { partition, offset in
                Row(
                    group: group, topic: partition.topic, partition: partition.partition,
                    currentOffset: committed[partition], newOffset: offset)
            }
            if arguments.has(execute) {
                try await session.asking { () throws(ClientError) in
                    try await session.admin.alterGroupOffsets(group, targets)
                }
            }
            print(rows, arguments)
            if !arguments.has(execute), !arguments.has(export) {
                Output.standard.flush()
                Output.error("This was a dry run: add --execute to do it.")
            }
        }
    }

    private static func print(_ rows: [Row], _ arguments: Arguments) {
        if arguments.has(.json) {
            Output.standard.write(JSONOutput.document(rows))
        } else if arguments.has(export) {
            for row in rows {
                Output.standard.line("\(row.topic),\(row.partition),\(row.newOffset)")
            }
        } else {
            var table = Table(
                ("GROUP", .left), ("TOPIC", .left), ("PARTITION", .right), ("NEW-OFFSET", .right))
            for row in rows {
                table.row(row.group, row.topic, "\(row.partition)", "\(row.newOffset)")
            }
            Output.standard.write(table.text)
        }
    }

    /// Members at work would overwrite the new offsets with theirs at their next commit.
    private static func refuseActive(
        _ group: String, _ session: Session
    ) async throws(CommandError) {
        let description = try await session.asking { () throws(ClientError) in
            try await session.admin.describeGroups([group])
        }.first
        guard let description, !["Empty", "Dead", ""].contains(description.state) else { return }
        throw .failed(
            "Assignments can only be reset if the group '\(group)' is inactive, but the current "
                + "state is \(description.state) with \(description.members.count) members.")
    }

    private static func partitions(
        _ arguments: Arguments, _ session: Session, _ group: String,
        _ committed: [TopicPartition: Int64]
    ) async throws(CommandError) -> [TopicPartition] {
        if let file = arguments.string(fromFile) { return try csv(file).keys.sorted() }
        if arguments.has(allTopics) {
            guard !committed.isEmpty else {
                throw .failed("group '\(group)' has no offsets; name the topics with --topic")
            }
            return committed.keys.sorted()
        }
        let wanted = arguments.strings(topic)
        guard !wanted.isEmpty else {
            throw .usage("group reset-offsets needs --topic NAME or --all-topics")
        }
        var result: [TopicPartition] = []
        for text in wanted {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let all = try await session.topics([String(parts[0])]).flatMap(\.topicPartitions)
            guard parts.count == 2 else {
                result += all
                continue
            }
            for number in parts[1].split(separator: ",") {
                guard let found = all.first(where: { String($0.partition) == number }) else {
                    throw .failed("topic \(parts[0]) has no partition \(number)")
                }
                result.append(found)
            }
        }
        return result
    }

    /// The offsets to commit, each within what its partition has.
    private static func targets(
        _ arguments: Arguments, _ session: Session, _ partitions: [TopicPartition],
        _ committed: [TopicPartition: Int64]
    ) async throws(CommandError) -> [TopicPartition: Int64] {
        if arguments.has(toEarliest) {
            return try await session.offsets(.beginning, in: partitions)
        }
        if arguments.has(toLatest) { return try await session.offsets(.end, in: partitions) }
        if let offset = try arguments.integer(toOffset) {
            return try await session.offsets(.offset(offset), in: partitions)
        }
        if let text = arguments.string(toTime) {
            guard let time = Timestamp.milliseconds(text) else {
                throw .usage("--to-datetime: \"\(text)\" is not such as 2026-01-31T12:00:00.000")
            }
            return try await session.offsets(.time(time), in: partitions)
        }
        if let text = arguments.string(byDuration) {
            guard let duration = ISODuration.milliseconds(text) else {
                throw .usage("--by-duration: \"\(text)\" is not such as P1DT2H30M")
            }
            let time = SystemClock().wallMilliseconds() - duration
            return try await session.offsets(.time(time), in: partitions)
        }
        let ends = try await session.ends(partitions)
        var wanted: [TopicPartition: Int64] = [:]
        if let file = arguments.string(fromFile) {
            wanted = try csv(file)
        } else {
            let shift = try arguments.integer(shiftBy, in: Int64.min...Int64.max) ?? 0
            for partition in partitions {
                guard let offset = committed[partition] else { continue }
                wanted[partition] = offset.addingReportingOverflow(shift).partialValue
            }
        }
        return Dictionary(
            uniqueKeysWithValues: wanted.compactMap { partition, offset in
                ends[partition].map { (partition, min(max(offset, $0.start), $0.end)) }
            })
    }

    /// Lines `topic,partition,offset`; quotes around the topic and a header line are taken.
    private static func csv(_ file: String) throws(CommandError) -> [TopicPartition: Int64] {
        let text: String
        do throws(SystemError) {
            text = try StandardStreams.readAll(file).string
        } catch {
            throw .failed("cannot read \(file): \(error.reason)")
        }
        var result: [TopicPartition: Int64] = [:]
        for (index, line) in text.split(whereSeparator: \.isNewline).enumerated() {
            // No topic's name has spaces or quotes in it.
            let cells = line.split(separator: ",").map { $0.filter { $0 != " " && $0 != "\"" } }
            guard cells.count == 3, let partition = Int32(cells[1]), let offset = Int64(cells[2])
            else {
                if index == 0 { continue }
                throw .failed("\(file), line \(index + 1): not topic,partition,offset: \(line)")
            }
            result[TopicPartition(topic: cells[0], partition: partition)] = offset
        }
        return result
    }
}
