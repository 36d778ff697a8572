import Foundation
import VarvePlatform

/// A program that the benchmark runs, with its output in files.
///
/// All that still run are killed when the benchmark is interrupted.
final class Program: Sendable {
    private static let running = Lock<[Int32: ChildProcess]>([:])

    private let child: ChildProcess
    private let name: String
    private let outputPath: String
    private let errorPath: String
    private let ending = Lock<ChildProcess.Ending?>(nil)

    var identifier: Int32 { child.identifier }

    /// - Parameter log: where the output goes: this path with `.out` and `.err`.
    init(_ path: String, _ arguments: [String], log: String) throws {
        name = URL(fileURLWithPath: path).lastPathComponent
        outputPath = log + ".out"
        errorPath = log + ".err"
        // A child inherits its descriptors here, so a shell redirects them and then becomes it.
        child = try ChildProcess.start(
            "/bin/sh",
            [
                "-c", "out=$1 err=$2; shift 2; exec \"$@\" >\"$out\" 2>\"$err\" </dev/null", "sh",
                outputPath, errorPath, path,
            ] + arguments)
        let (child, ending) = (child, ending)
        Self.running.withLock { $0[child.identifier] = child }
        NamedThread("await") {
            let how = child.wait()
            Self.running.withLock { $0[child.identifier] = nil }
            ending.withLock { $0 = how }
            ending.signal()
        }.detach()
    }

    /// Waits for its end and returns what it printed.
    /// - Throws: `.failed` with what it complained of, or when it took longer.
    func output(withinSeconds seconds: Int64 = 120) throws -> String {
        guard let how = ending.wait(timeoutMilliseconds: seconds * 1000, { $0 }) else {
            kill()
            throw BenchError.failed("\(name) did not end in \(seconds) s: \(complaint)")
        }
        guard how.isSuccess else { throw BenchError.failed("\(name): \(complaint) (\(how))") }
        return text(outputPath)
    }

    /// The first line it prints, while it runs on.
    func firstLine(withinSeconds seconds: Double = 30) throws -> String {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while Date() < deadline {
            let lines = text(outputPath)
            if let end = lines.firstIndex(of: "\n") { return String(lines[..<end]) }
            if let how = ended { throw BenchError.failed("\(name): \(complaint) (\(how))") }
            Thread.sleep(forTimeInterval: 0.005)
        }
        throw BenchError.failed("\(name) said nothing in \(seconds) s: \(complaint)")
    }

    /// How it ended; nil while it runs.
    var ended: ChildProcess.Ending? { ending.withLock { $0 } }

    /// The end of what it wrote to standard error.
    var complaint: String {
        let lines = text(errorPath).split(separator: "\n").suffix(3)
        return lines.isEmpty ? "no message" : lines.joined(separator: "; ")
    }

    /// Asks it to end, and insists after a while.
    func stop(_ signal: Int32 = ProcessControl.terminate) {
        child.send(signal)
        if ending.wait(timeoutMilliseconds: 20_000, { $0 }) == nil { kill() }
    }

    func kill() {
        child.send(ProcessControl.kill)
        _ = ending.wait(timeoutMilliseconds: 20_000) { $0 }
    }

    static func killAll() {
        for child in running.withLock({ $0.values }) { child.send(ProcessControl.kill) }
    }

    private func text(_ path: String) -> String {
        guard let bytes = FileManager.default.contents(atPath: path) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Where `name` is on PATH or in the directories of system programs; nil when nowhere.
    static func find(_ name: String) -> String? {
        let path = ProcessControl.environment("PATH") ?? "/usr/bin:/bin"
        return (path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"])
            .map { $0 + "/" + name }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
