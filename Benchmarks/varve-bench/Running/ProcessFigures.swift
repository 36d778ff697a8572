import Foundation

/// What Linux says of a process (proc(5)).
enum ProcessFigures {
    /// CPU seconds of all its threads so far, user and system: to the nanosecond, where
    /// /proc/PID/stat counts hundredths of a second.
    static func cpuSeconds(_ identifier: Int32) throws -> Double {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(identifier, &clock) == 0, clock_gettime(clock, &time) == 0 else {
            throw BenchError.failed("process \(identifier) has no clock: has it ended?")
        }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
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
