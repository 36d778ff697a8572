internal import VarvePlatform

/// What the kernel says this process takes.
enum ProcessMemory {
    /// Bytes per page: 4096 on every machine this runs on (x86-64, and arm64 as Debian builds it).
    private static let pageBytes = 4096

    /// Resident memory; nil where /proc is not to be had. Source: proc(5), /proc/[pid]/statm.
    static func residentBytes() -> Int? {
        do throws(SystemError) {
            let file = try PosixDisk().open("/proc/self/statm", .read)
            let text = try ByteSlice(filling: 256) { (buffer) throws(SystemError) in
                try file.read(into: buffer, at: 0)
            }
            let fields = text.string.split(separator: " ")
            guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
            return pages * pageBytes
        } catch {
            return nil
        }
    }
}
