import Foundation

/// What Linux says of a process (proc(5)).
enum ProcessFigures {
    /// Ticks of /proc/PID/stat in a second: USER_HZ, 100 on every Linux (time(7)).
    private static let ticksPerSecond = 100.0

    /// CPU seconds of all its threads so far, user and system.
    static func cpuSeconds(_ identifier: Int32) throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(identifier)/stat", encoding: .utf8)
        // The name, in parentheses, may hold spaces; utime and stime are fields 14 and 15.
        guard let end = text.lastIndex(of: ")") else {
            throw BenchError.failed("/proc/\(identifier)/stat cannot be understood")
        }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[11]), let system = Double(fields[12])
        else { throw BenchError.failed("/proc/\(identifier)/stat cannot be understood") }
        return (user + system) / ticksPerSecond
    }

    /// Resident memory in bytes: now, and at its most.
    static func residentBytes(_ identifier: Int32) throws -> (now: Int, peak: Int) {
        let text = try String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)
        func kibibytes(_ name: String) -> Int {
            for line in text.split(separator: "\n") where line.hasPrefix(name) {
                return line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0
            }
            return 0
        }
        return (kibibytes("VmRSS:") << 10, kibibytes("VmHWM:") << 10)
    }

    /// Bytes that a directory's files take on the disk, holes not counted.
    static func diskBytes(_ directory: String) -> Int {
        let keys: Set<URLResourceKey> = [.totalFileAllocatedSizeKey]
        let files = FileManager.default.enumerator(
            at: URL(fileURLWithPath: directory), includingPropertiesForKeys: Array(keys))
        var bytes = 0
        for case let file as URL in files ?? .init() {
            var information = stat()
            if lstat(file.path, &information) == 0, information.st_mode & S_IFMT == S_IFREG {
                bytes += Int(information.st_blocks) * 512
            }
        }
        return bytes
    }
}
