internal import VarveLog
internal import VarvePlatform

/// `varve log verify`: reads everything that is on disk and says what is not as it should be.
enum LogVerifyCommand {
    private static let dropCache = Option(
        "--drop-cache",
        help: "ask the disk and not the page cache, and leave nothing of it in the cache")
    private static let checksumsOnly = Option(
        "--checksums-only", help: "do not decompress batches and read the records in them")

    static let command = Command(
        "log", "verify", summary: "Check every byte of the log: batches, records, indexes, marks.",
        discussion:
            "Reads only, beside a running broker too: what that is just writing is left out.\n"
            + "Each finding says file, position and offsets, what it means and what to do.\n"
            + "Status 0 when nothing is wrong, 1 when something is, 2 for a wrong command line.",
        options: [
            LogCommands.data, LogCommands.topic, LogCommands.partition, dropCache, checksumsOnly,
            .json, .config,
        ],
        examples: [
            "varve log verify --data /var/lib/varve",
            "varve log verify --topic zeek --partition 0 --json",
        ], run: run)

    @Sendable private static func run(_ arguments: Arguments) async throws(CommandError) {
        let directory = try LogCommands.Directory(arguments)
        var options = Verification.Options()
        options.topic = arguments.string(LogCommands.topic)
        options.partition = try LogCommands.number(arguments)
        if options.partition != nil, options.topic == nil {
            throw .usage("--partition needs --topic")
        }
        options.dropsCache = arguments.has(dropCache)
        options.readsRecords = !arguments.has(checksumsOnly)
        options.pause = { Blocking.pause(milliseconds: 100) }
        let chosen = options
        let outcome = await Blocking.run("verify") {
            () -> Result<(VerificationReport, Bool, Int64), CommandError> in
            do throws(CommandError) {
                return .success(try verify(directory, chosen))
            } catch {
                return .failure(error)
            }
        }
        let (report, isRunning, milliseconds) = try outcome.get()
        if arguments.has(.json) {
            let members: [(name: String, value: JSON)] = [
                ("directory", .string(directory.path)), ("running", .bool(isRunning)),
                ("milliseconds", .int(milliseconds)),
            ]
            Output.standard.line(
                JSON.object(members + (report.json.members ?? [])).text(indent: true))
        } else {
            Output.standard.write(text(report, isRunning: isRunning, milliseconds))
        }
        if !report.isClean {
            throw .failed(
                report.findings.count == 1 ? "1 finding" : "\(report.findings.count) findings")
        }
    }

    private static func verify(
        _ directory: LogCommands.Directory, _ options: Verification.Options
    ) throws(CommandError) -> (VerificationReport, isRunning: Bool, milliseconds: Int64) {
        let clock = SystemClock()
        let start = clock.monotonicMilliseconds()
        var options = options
        options.isRunning = try directory.isRunning()
        do throws(LogError) {
            let disk = PosixDisk()
            let total = try Verification(
                path: directory.path, disk: disk, options: options
            ).byteCount()
            let bar = ProgressBar("verifying", unit: "bytes", total: total)
            defer { bar.finish() }
            options.progress = { bar.advance($0) }
            var verification = Verification(
                path: directory.path, disk: disk, options: options)
            var report = try verification.run()
            // A broker that was started meanwhile explains what was found.
            if !options.isRunning, !report.isClean || !report.notices.isEmpty,
                try isRunningNow(directory)
            {
                options.isRunning = true
                verification = Verification(path: directory.path, disk: disk, options: options)
                report = try verification.run()
            }
            return (report, options.isRunning, clock.monotonicMilliseconds() - start)
        } catch {
            if case .unknownTopic(let name) = error {
                throw .usage("\(directory.path) has no topic \(name)")
            }
            throw .failed("\(error)")
        }
    }

    private static func isRunningNow(_ directory: LogCommands.Directory) throws(LogError) -> Bool {
        do throws(CommandError) {
            return try directory.isRunning()
        } catch {
            return false
        }
    }

    private static func text(
        _ report: VerificationReport, isRunning: Bool, _ milliseconds: Int64
    ) -> String {
        var lines: [String] = []
        for finding in report.findings + report.notices {
            lines += [
                "\(finding)", "    means: \(finding.kind.meaning)",
                "    remedy: \(finding.kind.remedy)",
            ]
        }
        lines += report.notes.map { "note  \($0)" }
        lines += report.quarantine.map { "set aside earlier  \($0.text)" }
        for (reason, count) in report.unread.sorted(by: { $0.key < $1.key }) {
            lines.append("records of \(Quantity.count(count)) batches were not read: \(reason)")
        }
        let speed = report.bytesRead * 1000 / max(1, milliseconds)
        lines.append(
            "\(report.topicCount) topics, \(report.partitionCount) partitions, "
                + "\(report.segmentCount) segments, \(Quantity.count(report.batchCount)) batches, "
                + "\(Quantity.count(report.recordCount)) records; "
                + "\(Quantity.bytes(report.bytesRead)) read in "
                + "\(Quantity.duration(milliseconds: milliseconds)) (\(Quantity.bytes(speed))/s)"
                + (isRunning ? ", beside the running broker" : ""))
        if report.isClean { lines.append("nothing is wrong") }
        return lines.map { $0 + "\n" }.joined()
    }
}
