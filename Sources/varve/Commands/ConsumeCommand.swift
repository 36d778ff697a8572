internal import VarveClient
internal import VarvePlatform
internal import VarveRecords

/// `varve consume`: prints records, alone or as a member of a group.
enum ConsumeCommand {
    private static let topic = Option(
        "--topic", "-t", value: "NAME", repeats: true, help: "what to read")
    private static let group = Option(
        "--group", "-g", "-G", value: "NAME",
        help: "read as a member of this group, and commit what was printed")
    private static let offset = Option(
        "--offset", "-o", value: "WHERE",
        help: "beginning, end (the default), an offset, -N for the last N, @TIME")
    private static let fromBeginning = Option("--from-beginning", help: "as --offset beginning")
    private static let partition = Option(
        "--partition", "-p", value: "N", repeats: true, help: "these partitions only")
    private static let count = Option(
        "--max-messages", "--count", "-n", "-c", value: "N", help: "end after N records")
    private static let exit = Option(
        "--exit", "-e", help: "end at what is the end of all partitions when the command starts")
    private static let format = Option(
        "--format", "-f", value: "FORMAT",
        help: "as kcat's: %s value, %k key, %t %p %o %T %h %S %K; '%s\\n' by default")
    private static let printKey = Option(
        "--print-key", help: "the key and a tab before each value")
    private static let isolation = Option(
        "--isolation-level", value: "LEVEL",
        help: "read_committed (the default) or read_uncommitted")
    private static let idle = Option(
        "--idle-ms", value: "MS", help: "end when nothing came for so long")

    static let command = Command(
        "consume", summary: "Print the records of topics.",
        operands: "", options: [
            topic, group, offset, fromBeginning, partition, count, exit, idle, format, printKey,
            isolation, .json,
        ] + Session.options,
        examples: [
            "varve consume -t zeek --from-beginning -n 10",
            "varve consume -t zeek -o @2026-01-31T12:00:00Z -e --json | jq .value",
            "varve consume -t zeek -g analysts -f '%p %o %s\\n'",
        ], run: run)

    @Sendable private static func run(_ arguments: Arguments) async throws(CommandError) {
        let format = try recordFormat(arguments)
        let most = try arguments.integer(count, in: 1...Int64.max) ?? Int64.max
        let idleLimit = try arguments.integer(idle, in: 1...Int64.max)
        _ = try arguments.required(topic)
        let isStopping = Lock(false)
        try await Session.open(arguments) { (session) throws(CommandError) in
            let reading = try await begin(arguments, session)
            Interrupts.stopOnce { isStopping.withLock { $0 = true } }
            let clock = SystemClock()
            var printed: Int64 = 0
            var lastAt = clock.monotonicMilliseconds()
            var failure: CommandError?
            var ends = reading.ends
            do throws(CommandError) {
                while printed < most, !isStopping.withLock({ $0 }), ends?.isEmpty != true {
                    let fetched = try await session.asking { () throws(ClientError) in
                        try await reading.consumer.poll(timeoutMilliseconds: 200)
                    }
                    var commits: [TopicPartition: Int64] = [:]
                    for batch in fetched {
                        lastAt = clock.monotonicMilliseconds()
                        var next = batch.nextOffset
                        for record in batch.records {
                            if printed == most {
                                next = record.offset
                                break
                            }
                            if let end = reading.ends?[batch.topicPartition], record.offset >= end {
                                next = record.offset
                                break
                            }
                            Output.standard.write(
                                format.bytes(
                                    record, topic: batch.topic, partition: batch.partition))
                            printed += 1
                        }
                        commits[batch.topicPartition] = next
                        if let end = ends?[batch.topicPartition], next >= end {
                            ends?[batch.topicPartition] = nil
                        }
                    }
                    Output.standard.flush()
                    // Only what was printed, and only after it was (D1).
                    if reading.isGroup, !commits.isEmpty {
                        try await session.asking { () throws(ClientError) in
                            try await reading.consumer.commit(commits)
                        }
                    }
                    if let idleLimit, clock.monotonicMilliseconds() - lastAt >= idleLimit { break }
                }
            } catch {
                failure = error
            }
            await reading.consumer.close()
            if let failure { throw failure }
        }
    }

    private struct Reading {
        let consumer: Consumer
        let isGroup: Bool
        /// Where each partition ends, for `--exit`; a partition that is read to there is done.
        let ends: [TopicPartition: Int64]?
    }

    private static func begin(
        _ arguments: Arguments, _ session: Session
    ) async throws(CommandError) -> Reading {
        let names = arguments.strings(topic)
        var configuration = ConsumerConfiguration()
        switch arguments.string(isolation) ?? "read_committed" {
        case "read_committed", "1": configuration.isolation = .readCommitted
        case "read_uncommitted", "0": configuration.isolation = .readUncommitted
        case let text:
            throw .usage(
                "--isolation-level: \"\(text)\" is neither read_committed nor read_uncommitted")
        }
        var position = StartPosition.end
        if let text = arguments.string(offset) {
            position = try StartPosition(text, flag: "--offset")
        } else if arguments.has(fromBeginning) {
            position = .beginning
        }
        let numbers = try partitionNumbers(arguments)
        if let name = arguments.string(group) {
            guard numbers.isEmpty else {
                throw .usage("--partition cannot be chosen in a group: the group shares them out")
            }
            switch position {
            case .beginning: configuration.autoOffsetReset = .earliest
            case .end: configuration.autoOffsetReset = .latest
            default:
                throw .usage(
                    "--offset in a group is beginning or end, for where nothing is committed; "
                        + "varve group reset-offsets moves a group")
            }
            configuration.groupID = name
            configuration.topics = names
        }
        let partitions = try await session.topics(names).flatMap(\.topicPartitions).filter {
            numbers.isEmpty || numbers.contains($0.partition)
        }
        guard !partitions.isEmpty else {
            throw .failed("no such partition of \(names.joined(separator: ", "))")
        }
        let settings = configuration
        let consumer = try await session.asking { () throws(ClientError) in
            try Consumer(session.cluster, settings)
        }
        var ends: [TopicPartition: Int64]?
        if arguments.has(exit) {
            ends = try await unread(arguments, session, partitions, position)
        }
        if settings.groupID == nil {
            let starts = try await session.offsets(position, in: partitions)
            try await session.asking { () throws(ClientError) in try consumer.assign(starts) }
        }
        if position == .end, settings.groupID == nil, !arguments.has(exit),
            ProcessControl.isTerminal(StandardStreams.error)
        {
            Output.error("waiting for new records; --from-beginning shows those that are there")
        }
        return Reading(consumer: consumer, isGroup: settings.groupID != nil, ends: ends)
    }

    /// The ends of the partitions that have something left before them.
    private static func unread(
        _ arguments: Arguments, _ session: Session, _ partitions: [TopicPartition],
        _ position: StartPosition
    ) async throws(CommandError) -> [TopicPartition: Int64] {
        var starts = try await session.offsets(position, in: partitions)
        if let name = arguments.string(group) {
            let committed = try await session.asking { () throws(ClientError) in
                try await session.admin.groupOffsets(name, partitions)
            }
            for (partition, offset) in committed where offset.offset >= 0 {
                starts[partition] = offset.offset
            }
        }
        return try await session.ends(partitions).mapValues(\.end).filter { partition, end in
            (starts[partition] ?? end) < end
        }
    }

    private static func partitionNumbers(
        _ arguments: Arguments
    ) throws(CommandError) -> Set<Int32> {
        var numbers: Set<Int32> = []
        for text in arguments.strings(partition).flatMap({ $0.split(separator: ",") }) {
            guard let number = Int32(text), number >= 0 else {
                throw .usage("--partition: \"\(text)\" is not a partition's number")
            }
            numbers.insert(number)
        }
        return numbers
    }

    private static func recordFormat(_ arguments: Arguments) throws(CommandError) -> RecordFormat {
        if arguments.has(.json) { return .json }
        switch arguments.string(format) {
        case nil: return try RecordFormat(arguments.has(printKey) ? "%k\\t%s\\n" : "%s\\n")
        case "json": return .json
        case let text?: return try RecordFormat(text)
        }
    }
}
