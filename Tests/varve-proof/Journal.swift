internal import VarvePlatform
internal import VarveProof

/// A ledger in a file, written line by line by a process that is about to die. The file lies on
/// another file system than the log when that one's power is cut.
final class Journal: Sendable {
    private let file: any DiskFile
    private let size: Lock<Int64>

    /// Goes on with the file at `path`, or makes it.
    init(_ path: String) throws(SystemError) {
        file = try PosixDisk().open(path, .create)
        size = Lock(try file.size())
    }

    /// In the page cache on return, where it outlives this process.
    func write(_ event: Ledger.Event) {
        do throws(SystemError) {
            try size.withLock { (size) throws(SystemError) in
                let line = ByteSlice(event.line + "\n")
                try line.withUnsafeBytes { (bytes) throws(SystemError) in
                    try file.write(bytes, at: size)
                }
                size += Int64(line.count)
            }
        } catch {
            // Without its ledger the proof proves nothing.
            say("varve-proof: \(error)\n", to: StandardStreams.error)
            ProcessControl.exitNow(3)
        }
    }

    static func read(_ path: String) throws(SystemError) -> Ledger {
        guard try PosixDisk().entry(path) != nil else { return Ledger() }
        return Ledger(reading: try PosixDisk().readAll(path, bytesMax: 1 << 30).string)
    }

    /// Begins the file anew with what makes `ledger`.
    static func rewrite(_ path: String, _ ledger: Ledger) throws(SystemError) {
        let disk = PosixDisk()
        let directory = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        try disk.replace(
            path, with: ByteSlice(ledger.lines.map { $0 + "\n" }.joined()),
            inDirectory: directory.isEmpty ? "/" : directory)
    }
}
