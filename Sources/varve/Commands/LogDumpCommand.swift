internal import VarveLog
internal import VarvePlatform

/// `varve log dump`, as `kafka-dump-log.sh`.
enum LogDumpCommand {
    private static let files = Option(
        "--files", value: "FILE,FILE", repeats: true, help: "the files, also without the flag")
    private static let from = Option("--from", value: "OFFSET", help: "the first offset to show")
    private static let to = Option("--to", value: "OFFSET", help: "the last offset to show")
    private static let records = Option(
        "--records", "--deep-iteration", "--deep", help: "show each record of a batch")
    private static let contents = Option(
        "--print-data-log", help: "show the records with their keys and values")
    private static let offsets = Option(
        "--offsets-decoder", help: "show the keys and values of __consumer_offsets as JSON")
    private static let skipMetadata = Option(
        "--skip-record-metadata", help: "of records, show only keys and values")
    private static let verifyIndex = Option(
        "--verify-index-only", help: "check index files, and do not show their entries")
    private static let sanity = Option(
        "--index-sanity-check", help: "check index files only as Kafka does at a start")
    private static let maxBytes = Option(
        "--max-bytes", value: "BYTES", help: "read no more of each .log file")

    static let command = Command(
        "log", "dump", summary: "Show segments, indexes and marks as kafka-dump-log.sh does.",
        discussion:
            "FILE is a .log, .index, .timeindex, .txnindex, .producers or .seal file or a durable\n"
            + "mark, of a stopped or running broker, or a partition's directory for all of them;\n"
            + "--topic stands for the .log files of its partitions. What is wrong goes to\n"
            + "standard error. With --json each line is one object.",
        operands: "[FILE...]", operandCount: 0...10_000,
        options: [
            files, LogCommands.data, LogCommands.topic, LogCommands.partition, from, to, records,
            contents, offsets, skipMetadata, verifyIndex, sanity, maxBytes, .json, .config,
        ],
        examples: [
            "varve log dump --print-data-log /var/lib/varve/topics/zeek/0/00000000000000000000.log",
            "varve log dump --topic zeek --partition 0 --from 1000 --to 1010 --records --json",
            "varve log dump --topic __consumer_offsets --offsets-decoder",
        ], run: run)

    @Sendable private static func run(_ arguments: Arguments) async throws(CommandError) {
        var options = LogDump.Options()
        options.form = arguments.has(.json) ? .json : .text
        options.decode = arguments.has(offsets) ? OffsetsDecoder.contents : nil
        options.showsContents = arguments.has(contents) || arguments.has(offsets)
        options.showsRecords = arguments.has(records) || options.showsContents
        options.skipsMetadata = arguments.has(skipMetadata)
        options.verifiesIndexOnly = arguments.has(verifyIndex)
        options.checksIndexSanity = arguments.has(sanity)
        options.bytesMax = try arguments.integer(maxBytes) ?? Int64.max
        let first = try arguments.integer(from) ?? 0
        let last = try arguments.integer(to) ?? Int64.max
        guard first <= last else { throw .usage("--from \(first) is behind --to \(last)") }
        options.offsets = first...last
        let paths = try paths(arguments, options.offsets)
        let chosen = options
        let failure = await Blocking.run("dump") { () -> CommandError? in
            do throws(CommandError) {
                try dump(paths, chosen)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    private static func dump(
        _ paths: [String], _ options: LogDump.Options
    ) throws(CommandError) {
        var dump = LogDump(disk: PosixDisk(), options: options) { line in
            if line.isComplaint {
                Output.standard.flush()
                Output.error(line.text)
            } else {
                Output.standard.line(line.text)
            }
        }
        var failures: [String] = []
        for path in paths {
            do throws(LogError) {
                if try !dump.dump(path) { failures.append("\(path) is no file of a log") }
            } catch {
                failures.append("\(error)")
            }
        }
        dump.finish()
        if !failures.isEmpty { throw .failed(failures.joined(separator: "; ")) }
    }

    // MARK: Which files

    private static func paths(
        _ arguments: Arguments, _ offsets: ClosedRange<Int64>
    ) throws(CommandError) -> [String] {
        let named =
            arguments.operands
            + arguments.strings(files).flatMap { $0.split(separator: ",").map(String.init) }
        if let topic = arguments.string(LogCommands.topic) {
            guard named.isEmpty else { throw .usage("give FILEs or --topic, not both") }
            return try segments(of: topic, arguments, offsets)
        }
        guard !named.isEmpty else { throw .usage("log dump needs FILEs or --topic NAME") }
        do throws(SystemError) {
            let disk = PosixDisk()
            var paths: [String] = []
            for path in named {
                if try disk.entry(path) == .directory {
                    paths += try disk.list(path).filter { !$0.hasSuffix(".tmp") }
                        .map { path + "/" + $0 }
                } else {
                    paths.append(path)
                }
            }
            return paths
        } catch {
            throw .failed("\(error)")
        }
    }

    /// The .log files of a topic's partitions that may hold some of `offsets`, in order.
    private static func segments(
        of topic: String, _ arguments: Arguments, _ offsets: ClosedRange<Int64>
    ) throws(CommandError) -> [String] {
        let directory = try LogCommands.Directory(arguments).path + "/topics/" + topic
        let wanted = try LogCommands.number(arguments)
        do throws(SystemError) {
            let disk = PosixDisk()
            guard DataDirectory.isValidTopicName(topic), try disk.entry(directory) == .directory
            else { throw SystemError(call: "topic", errno: 0, subject: topic) }
            var paths: [String] = []
            for number in try disk.list(directory).compactMap({ Int32($0) }).sorted()
            where wanted == nil || wanted == number {
                let names = try disk.list("\(directory)/\(number)").filter {
                    $0.hasSuffix(".log")
                }
                for (index, name) in names.enumerated() {
                    let base = Int64(name.dropLast(4)) ?? 0
                    let next = index + 1 < names.count ? Int64(names[index + 1].dropLast(4)) : nil
                    guard base <= offsets.upperBound, next ?? Int64.max > offsets.lowerBound
                    else { continue }
                    paths.append("\(directory)/\(number)/\(name)")
                }
            }
            return paths
        } catch {
            if error.call == "topic" { throw .usage("there is no topic \(topic) in the directory") }
            throw .failed("\(error)")
        }
    }
}
