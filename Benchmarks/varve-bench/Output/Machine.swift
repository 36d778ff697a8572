import Foundation
import VarvePlatform

/// What was measured, and where.
struct Machine: Codable, Sendable {
    let date: String
    let commit: String
    let processor: String
    let processors: Int
    let memoryGigabytes: Int
    let kernel: String
    let fileSystem: String
    let loadAverage: Double

    static func describe(log: String) -> Machine {
        let formatter = ISO8601DateFormatter()
        return Machine(
            date: formatter.string(from: Date()), commit: Checkout.commit(log: log) ?? "unknown",
            processor: field("model name", of: "/proc/cpuinfo") ?? "unknown",
            processors: ProcessControl.processorCount,
            memoryGigabytes: Int((ProcessInfo.processInfo.physicalMemory + (1 << 29)) >> 30),
            kernel: text("/proc/sys/kernel/osrelease"), fileSystem: fileSystem(of: log),
            loadAverage: loadAverage)
    }

    /// Processes that ran or waited for the disk, over the last minute.
    static var loadAverage: Double {
        Double(text("/proc/loadavg").split(separator: " ").first ?? "") ?? 0
    }

    private static func text(_ path: String) -> String {
        guard let bytes = FileManager.default.contents(atPath: path) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func field(_ name: String, of path: String) -> String? {
        text(path).split(separator: "\n").first { $0.hasPrefix(name) }
            .flatMap { $0.split(separator: ":").last }
            .map { $0.trimmingCharacters(in: .whitespaces) }
    }

    /// The type of the mounted file system that holds `path`: the longest mount point wins.
    private static func fileSystem(of path: String) -> String {
        let mounts = text("/proc/mounts").split(separator: "\n").map { $0.split(separator: " ") }
        let holding = mounts.filter { mount in
            mount.count > 2
                && (mount[1] == "/" || path == mount[1] || path.hasPrefix(mount[1] + "/"))
        }
        return holding.max { $0[1].count < $1[1].count }.map { String($0[2]) } ?? "unknown"
    }
}
