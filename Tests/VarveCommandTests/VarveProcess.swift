import Foundation
import Testing
import VarvePlatform

@testable import varve

/// Runs the `varve` that was built beside these tests.
enum VarveProcess {
    /// The binary: the test runner stands in the same directory.
    static let path: String = {
        let runner = ProcessControl.executablePath() ?? ""
        return URL(fileURLWithPath: runner).deletingLastPathComponent().path + "/varve"
    }()

    struct Outcome {
        let status: Int32
        let output: String
        let error: String

        var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    static func run(_ arguments: String..., in directory: TemporaryDirectory) throws -> Outcome {
        try run(list: arguments, in: directory)
    }

    /// Runs a command to its end in `directory`, with `input` on its standard input.
    static func run(
        list arguments: [String], input: String = "", in directory: TemporaryDirectory
    ) throws -> Outcome {
        let files = try TemporaryDirectory()
        try files.write("in", input)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: directory.path)
        // Files and not pipes: nobody has to read them while the command runs.
        try files.write("out", "")
        try files.write("err", "")
        process.standardInput = FileHandle(forReadingAtPath: files.path + "/in")
        process.standardOutput = FileHandle(forWritingAtPath: files.path + "/out")
        process.standardError = FileHandle(forWritingAtPath: files.path + "/err")
        try process.run()
        guard eventually(seconds: 60, { !process.isRunning }) else {
            ProcessControl.send(ProcessControl.kill, to: process.processIdentifier)
            throw CommandError.failed("varve \(arguments) does not end: \(files.read("err"))")
        }
        return Outcome(
            status: process.terminationStatus, output: files.read("out"), error: files.read("err"))
    }
}

/// A command that goes on in the background, killed at the latest when this goes.
final class BackgroundVarve: @unchecked Sendable {
    // SAFETY: used by the one test that made it.
    let directory: TemporaryDirectory
    private let process = Process()

    /// - Parameter input: its standard input; nothing where nil.
    init(_ arguments: String..., input: Pipe? = nil) throws {
        directory = try TemporaryDirectory()
        try directory.write("out", "")
        try directory.write("err", "")
        process.executableURL = URL(fileURLWithPath: VarveProcess.path)
        process.arguments = arguments
        process.standardInput = input ?? FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: directory.path + "/out")
        process.standardError = FileHandle(forWritingAtPath: directory.path + "/err")
        try process.run()
    }

    deinit { if process.isRunning { send(ProcessControl.kill) } }

    var identifier: Int32 { process.processIdentifier }
    var log: String { directory.read("err") }
    var output: String { directory.read("out") }
    var isRunning: Bool { process.isRunning }

    func send(_ signal: Int32) { ProcessControl.send(signal, to: identifier) }

    /// Waits for the end; nil after ten seconds.
    func end() -> Int32? {
        eventually { !process.isRunning } ? process.terminationStatus : nil
    }
}

/// Waits, at most `seconds`, until `condition` holds.
func eventually(seconds: Int = 20, _ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<seconds * 50 {
        if try condition() { return true }
        usleep(20_000)
    }
    return false
}

/// A `varve broker` of a test's own, on ports that the system chose.
final class TestBroker {
    let data: TemporaryDirectory
    let process: BackgroundVarve
    let kafka: String
    let http: String

    init(_ data: TemporaryDirectory? = nil, settings: [String] = []) throws {
        self.data = try data ?? TemporaryDirectory()
        let process = try BackgroundVarve(
            "broker", "--data", self.data.path + "/data", "--listen", "127.0.0.1:0", "--http",
            "127.0.0.1:0", "--set", "group.initial.rebalance.delay.ms=0", "--set",
            settings.first ?? "num.partitions=1")
        func address(_ event: String) -> String? {
            process.log.split(separator: "\n").first { $0.contains(event) }
                .flatMap { $0.components(separatedBy: "address=").last }
        }
        self.process = process
        let isUp = eventually { address("serving HTTP") != nil || !process.isRunning }
        guard isUp, process.isRunning, let kafka = address("event=listening"),
            let http = address("serving HTTP")
        else { throw CommandError.failed("no broker: \(process.log)") }
        self.kafka = kafka
        self.http = http
    }

    func run(_ arguments: String..., input: String = "") throws -> VarveProcess.Outcome {
        try VarveProcess.run(list: arguments + ["-b", kafka], input: input, in: data)
    }

    func stop() -> Int32? {
        process.send(ProcessControl.terminate)
        return process.end()
    }
}
