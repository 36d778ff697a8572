internal import VarvePlatform

/// A file that messages are appended to, a line each. One thread at a time, one process.
final class SyslogFile {
    private let path: String
    private let disk: any Disk
    private var open: (file: any DiskFile, end: Int64)?

    init(path: String, disk: any Disk) {
        self.path = path
        self.disk = disk
    }

    func close() { open = nil }

    /// Appends whole lines; durable on return.
    /// - Throws: when that failed. The file is looked at anew at the next call, which takes away
    ///   the half line that a write may have left.
    func append(_ lines: ByteSlice) throws(SystemError) {
        if open == nil { open = try opened() }
        guard let (file, end) = open else { preconditionFailure("opened just now") }
        open = nil
        do throws(SystemError) {
            try lines.withUnsafeBytes { (raw) throws(SystemError) in
                try file.write(raw, at: end)
            }
            try file.syncData()
        } catch {
            if error.isFull {
                // Gives the space of the part back; when this fails too the next open does it.
                do throws(SystemError) { try file.truncate(to: end) } catch {}
            }
            throw error
        }
        open = (file, end + Int64(lines.count))
    }

    private func opened() throws(SystemError) -> (file: any DiskFile, end: Int64) {
        let directory = PosixDisk.parent(of: path) ?? "."
        try disk.createDirectories(directory)
        let file = try disk.open(path, .create)
        // The name has to outlive a power cut as its bytes do.
        try disk.syncDirectory(directory)
        let size = try file.size()
        let end = try endOfLastLine(file, size)
        if end < size { try file.truncate(to: end) }
        return (file, end)
    }

    /// The place after the last line end: a crash may have left half a line after it.
    private func endOfLastLine(_ file: any DiskFile, _ size: Int64) throws(SystemError) -> Int64 {
        var end = size
        while end > 0 {
            let start = max(0, end - (64 << 10))
            let piece = try ByteSlice(filling: Int(end - start)) {
                (buffer) throws(SystemError) in try file.read(into: buffer, at: start)
            }
            let found = piece.withUnsafeBytes { $0.lastIndex(of: 0x0A) }
            if let found { return start + Int64(found) + 1 }
            end = start
        }
        return 0
    }
}
