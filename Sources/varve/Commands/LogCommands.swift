internal import FoundationEssentials
internal import VarveLog
internal import VarvePlatform

/// `varve log verify|dump|repair`: the data directory itself, broker or no broker.
enum LogCommands {
    static let commands = [
        LogVerifyCommand.command, LogDumpCommand.command, LogRepairCommand.command,
    ]

    static let data = Option(
        "--data", "-d", value: "DIR",
        help: "the data directory; otherwise the configuration's")
    static let topic = Option("--topic", "-t", value: "NAME", help: "this topic only")
    static let partition = Option(
        "--partition", "-p", value: "N", help: "this partition only")

    /// A data directory, and whether a broker works in it.
    struct Directory: Sendable {
        let path: String

        init(_ arguments: Arguments) throws(CommandError) {
            if let path = arguments.string(data) {
                self.path = URL(fileURLWithPath: path).standardizedFileURL.path
            } else if let configuration = try arguments.configurationIfAny() {
                path = configuration.dataDirectory
            } else {
                throw .usage("\(arguments.command) needs --data DIR or a configuration file")
            }
            guard FileManager.default.fileExists(atPath: path + "/topics") else {
                throw .usage("\(path) is no data directory of a broker: it has no topics in it")
            }
        }

        private var lockPath: String { path + "/varve.lock" }

        func isRunning() throws(CommandError) -> Bool {
            do throws(SystemError) {
                return try PosixDisk().isLocked(lockPath)
            } catch {
                throw .failed("\(error)")
            }
        }

        /// The process that has the directory, as it wrote itself into the lock file.
        var holder: String {
            let text = try? PosixDisk().readAll(lockPath, bytesMax: 1024).string
            return text?.split(separator: "\n").first.map(String.init) ?? "another process"
        }
    }

    static func number(_ arguments: Arguments) throws(CommandError) -> Int32? {
        try arguments.integer(partition, in: 0...Int64(Int32.max)).map { Int32($0) }
    }
}
