import Foundation
import VarvePlatform

/// Counts a process's fdatasync and fsync calls from outside, so that nobody's word is taken for
/// them: `perf stat` on the kernel's tracepoints.
final class SyncWatch {
    static let remedy =
        "durability is not watched from outside: needs root and perf (apt-get install linux-perf)"

    private let perf: Program
    private let report: String

    /// Nil where perf is missing or may not look.
    init?(_ process: Int32, log: String) {
        guard let path = Program.find("perf") else { return nil }
        report = log + ".syncs"
        do {
            perf = try Program(
                path,
                [
                    "stat", "-x", ",", "-o", report, "-p", "\(process)", "-e",
                    "syscalls:sys_enter_fdatasync,syscalls:sys_enter_fsync",
                ], log: log + ".perf")
        } catch {
            return nil
        }
        // It says nothing when it has begun; its file is there then.
        let deadline = Date(timeIntervalSinceNow: 3)
        while perf.ended == nil, Date() < deadline,
            !FileManager.default.fileExists(atPath: report)
        {
            Thread.sleep(forTimeInterval: 0.005)
        }
        Thread.sleep(forTimeInterval: 0.1)
        if perf.ended != nil { return nil }
    }

    /// Ends it: the calls counted, or nil when perf says none.
    func count() -> Int? {
        perf.stop(ProcessControl.interrupt)
        guard let bytes = FileManager.default.contents(atPath: report) else { return nil }
        let counts = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            .filter { !$0.hasPrefix("#") }
            .compactMap { $0.split(separator: ",").first.flatMap { Int($0) } }
        return counts.isEmpty ? nil : counts.reduce(0, +)
    }
}
