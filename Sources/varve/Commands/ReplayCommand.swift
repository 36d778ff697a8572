internal import VarveClient
internal import VarveDelivery
internal import VarvePlatform
internal import VarveRecords

/// `varve replay`: sends part of a topic to a worker's sink or into a file once more.
enum ReplayCommand {
    private static let topic = Option("--topic", "-t", value: "NAME", help: "what to replay")
    private static let partition = Option(
        "--partition", "-p", value: "N", repeats: true, help: "these partitions only")
    private static let from = Option(
        "--from", value: "WHERE",
        help: "beginning (the default), an offset, -N for the last N, @TIME")
    private static let to = Option(
        "--to", value: "WHERE", help: "before this: end (the default), an offset, @TIME")
    private static let worker = Option(
        "--worker", "-w", value: "NAME",
        help: "into the sink of this worker, through its transforms")
    private static let file = Option(
        "--file", value: "FILE", help: "into a new file, one JSON object a line")
    private static let format = Option(
        "--format", "-f", value: "FORMAT", help: "with --file: as kcat's instead of JSON")
    private static let execute = Option("--execute", help: "do it; otherwise only show it")

    static let command = Command(
        "replay",
        summary: "Send a range of a topic to a sink or file again; a dry run unless --execute.",
        discussion:
            "The worker's own place in the topic does not change. Events keep their identity, so a\n"
            + "sink that can stores them once.",
        options: [topic, partition, from, to, worker, file, format, execute, .json]
            + Session.options,
        examples: [
            "varve replay -t zeek --from @2026-01-31T00:00:00Z --to @2026-02-01 --worker siem",
            "varve replay -t zeek --from 1000 --to 2000 -p 0 --file part.ndjson --execute",
        ], run: run)

    @Sendable private static func run(_ arguments: Arguments) async throws(CommandError) {
        let name = try arguments.required(topic)
        guard arguments.has(worker) != arguments.has(file) else {
            throw .usage("replay needs either --worker NAME or --file FILE")
        }
        let start = try StartPosition(arguments.string(from) ?? "beginning", flag: "--from")
        let end = try StartPosition(arguments.string(to) ?? "end", flag: "--to")
        let target = try target(arguments)
        try await Session.open(arguments) { (session) throws(CommandError) in
            let wanted = Set(arguments.strings(partition))
            let partitions = try await session.topics([name]).flatMap(\.topicPartitions).filter {
                wanted.isEmpty || wanted.contains(String($0.partition))
            }
            guard !partitions.isEmpty else { throw .failed("topic \(name) has no such partition") }
            let starts = try await session.offsets(start, in: partitions)
            let ends = try await session.offsets(end, in: partitions)
            let ranges = ReplayRange.all(starts, ends)
            guard arguments.has(execute) else {
                show(ranges, target.description, arguments)
                return
            }
            try await target.begin()
            let outcome = try await ReplayRun(session, ranges, to: target).run()
            if arguments.has(.json) {
                Output.standard.write(JSONOutput.document(outcome))
            } else {
                Output.standard.line(
                    "replayed \(Quantity.count(outcome.delivered)) events of \(name) to "
                        + "\(target.description)"
                        + (outcome.dropped > 0 ? ", \(outcome.dropped) left out by transforms" : ""))
            }
            if outcome.refused > 0 {
                throw .failed(
                    "\(outcome.refused) events were refused; the first: \(outcome.firstReason ?? "")")
            }
        }
    }

    private static func target(_ arguments: Arguments) throws(CommandError) -> any ReplayTarget {
        if let path = arguments.string(file) {
            let format = try arguments.string(format).map { (text) throws(CommandError) in
                try RecordFormat(text)
            }
            return ReplayFile(path: path, format: format ?? .json)
        }
        let configuration = try arguments.configuration().worker(try arguments.required(worker))
        return ReplaySink(
            configuration, logger: try arguments.logger("replay", default: .warning))
    }

    /// The dry run.
    private static func show(_ ranges: [ReplayRange], _ target: String, _ arguments: Arguments) {
        if arguments.has(.json) {
            Output.standard.write(JSONOutput.document(ranges))
        } else {
            var table = Table(
                ("TOPIC", .left), ("PARTITION", .right), ("FROM", .right), ("TO", .right),
                ("RECORDS", .right))
            for range in ranges {
                table.row(
                    range.topic, "\(range.partition)", "\(range.from)", "\(range.to)",
                    "\(range.count)")
            }
            Output.standard.write(table.text)
        }
        Output.standard.flush()
        let total = ranges.reduce(0) { $0 + $1.count }
        Output.error(
            "This was a dry run: add --execute to send \(Quantity.count(total)) records "
                + "to \(target).")
    }
}
