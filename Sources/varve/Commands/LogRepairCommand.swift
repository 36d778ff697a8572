internal import VarveBroker
internal import VarveLog
internal import VarvePlatform

/// `varve log repair`: recovery over the whole directory, said beforehand.
enum LogRepairCommand {
    private static let execute = Option(
        "--execute", help: "do it; without this flag nothing is changed")

    static let command = Command(
        "log", "repair", summary: "Say what recovery would set aside and rebuild, or do it.",
        discussion:
            "Reads every byte of a stopped directory and runs recovery on a view of it that keeps\n"
            + "all changes to itself; --execute then does the same on the disk. Damaged bytes are\n"
            + "never deleted: they go to DIR/quarantine with a report. The directory is locked\n"
            + "meanwhile. Where a broker works in it, --execute has that broker verify and mend\n"
            + "its partitions, asked over --http, and reopen what is offline. Status 0 when it is\n"
            + "done or there is nothing to do, 1 when the dry run found something, or a partition\n"
            + "stays offline.",
        options: [LogCommands.data, execute, .http, .json, .config],
        examples: [
            "varve log repair --data /var/lib/varve", "varve log repair --execute",
        ], run: run)

    @Sendable private static func run(_ arguments: Arguments) async throws(CommandError) {
        let directory = try LogCommands.Directory(arguments)
        guard try !directory.isRunning() else { return try await beside(directory, arguments) }
        let options = try options(arguments)
        let isExecuting = arguments.has(execute)
        let outcome = await Blocking.run("repair") { () -> Result<Repair.Report, CommandError> in
            do throws(CommandError) {
                return .success(try repair(directory, options, isExecuting: isExecuting))
            } catch {
                return .failure(error)
            }
        }
        let report = try outcome.get()
        if arguments.has(.json) {
            let members: [(name: String, value: JSON)] = [
                ("directory", .string(directory.path)), ("executed", .bool(isExecuting)),
            ]
            Output.standard.line(
                JSON.object(members + (report.json.members ?? [])).text(indent: true))
        } else {
            Output.standard.write(report.text)
            Output.standard.line(
                "\(report.partitions.count) partitions, "
                    + "\(Quantity.bytes(report.recovery.bytesScanned)) read: "
                    + summary(report, isExecuting: isExecuting))
        }
        let offline = report.recovery.partitions.filter { $0.failure != nil }
        if !offline.isEmpty { throw .failed("\(offline.count) partitions stay offline") }
        if !isExecuting, !report.isClean {
            throw .failed("nothing was changed; --execute does what is said above")
        }
    }

    // MARK: Beside a running broker

    private static func beside(
        _ directory: LogCommands.Directory, _ arguments: Arguments
    ) async throws(CommandError) {
        let isExecuting = arguments.has(execute)
        let isJSON = arguments.has(.json)
        let failure = await Blocking.run("repair") { () -> CommandError? in
            do throws(CommandError) {
                let repair = try RunningRepair(directory, arguments)
                if isExecuting {
                    try execute(repair, isJSON: isJSON)
                } else {
                    try plan(repair, directory, isJSON: isJSON)
                }
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    private static func plan(
        _ repair: RunningRepair, _ directory: LogCommands.Directory, isJSON: Bool
    ) throws(CommandError) {
        let findings = try repair.findings()
        let trouble = try repair.page().trouble
        if isJSON {
            let lines = trouble.split(separator: "\n").map { JSON.string(String($0)) }
            Output.standard.line(
                JSON.object([
                    ("directory", .string(directory.path)), ("running", .bool(true)),
                    ("executed", .bool(false)), ("findings", .array(findings.map(\.json))),
                    ("trouble", .array(lines)),
                ]).text(indent: true))
        } else {
            Output.standard.write(
                findings.map { "\($0)\n    means: \($0.kind.meaning)\n" }.joined() + trouble)
            if findings.isEmpty, trouble.isEmpty { Output.standard.line("nothing to repair") }
        }
        if !findings.isEmpty || !trouble.isEmpty {
            throw .failed(
                "nothing was changed; --execute has the running broker verify and mend this")
        }
    }

    private static func execute(
        _ repair: RunningRepair, isJSON: Bool
    ) throws(CommandError) {
        let page = try repair.execute()
        if isJSON {
            Output.standard.write(JSONOutput.document(page))
        } else {
            Output.standard.write(page.text)
            Output.standard.line(
                page.damageCount + page.noteCount == 0
                    ? "nothing to repair" : summary(page.damageCount, page.noteCount))
        }
        let failures = page.failures
        if !failures.isEmpty { throw .failed(failures.joined(separator: "; ")) }
    }

    private static func summary(_ damages: Int, _ notes: Int) -> String {
        "\(damages) damaged range\(damages == 1 ? "" : "s") set aside, "
            + "\(notes) other thing\(notes == 1 ? "" : "s") put right"
    }

    private static func summary(_ report: Repair.Report, isExecuting: Bool) -> String {
        if report.isClean { return "nothing to repair" }
        let damages = report.recovery.damages.count
        let notes =
            report.recovery.notes.count
            + report.recovery.partitions.reduce(0) { $0 + $1.notes.count }
        return (isExecuting ? "" : "would be: ") + summary(damages, notes)
    }

    /// The broker's own settings for the log, so that both recover alike.
    private static func options(
        _ arguments: Arguments
    ) throws(CommandError) -> DataDirectoryOptions {
        var options = DataDirectoryOptions()
        options.workers = DataDirectoryOptions.defaultWorkers
        guard let configuration = try arguments.configurationIfAny() else { return options }
        do throws(BrokerError) {
            let settings = try BrokerSettings(configuration.settings)
            options.topicDefaults = try TopicDefaults.configuration(settings)
            options.producerExpiryMilliseconds = settings.integer("producer.id.expiration.ms")
            return options
        } catch {
            throw .usage("\(configuration.path): settings: \(error)")
        }
    }

    private static func repair(
        _ directory: LogCommands.Directory, _ options: DataDirectoryOptions, isExecuting: Bool
    ) throws(CommandError) -> Repair.Report {
        let disk = PosixDisk()
        let repair = Repair(
            path: directory.path, disk: disk, options: options,
            now: SystemClock().wallMilliseconds())
        do throws(LogError) {
            return isExecuting
                ? try repair.execute() : try repair.plan(scratch: try scratchFile(disk))
        } catch {
            switch error {
            case .directoryLocked: throw running(directory)
            case .full: throw .failed("\(error); make space, or set TMPDIR to a roomier place")
            default: throw .failed("\(error)")
            }
        }
    }

    /// A nameless file for what the dry run writes.
    private static func scratchFile(_ disk: PosixDisk) throws(LogError) -> any DiskFile {
        let directory = ProcessControl.environment("TMPDIR") ?? "/tmp"
        let path =
            "\(directory)/varve-repair-\(ProcessControl.identifier)-\(UniqueID.random())"
        do throws(SystemError) {
            let file = try disk.open(path, .createNew)
            try disk.remove(path)
            return file
        } catch {
            throw LogError(error)
        }
    }

    private static func running(_ directory: LogCommands.Directory) -> CommandError {
        .failed(
            "\(directory.path) is in use by \(directory.holder): stop that broker first; varve "
                + "log verify works beside it")
    }
}
