import VarvePlatform

/// A disk whose process is killed at the n-th operation that changes something: that operation and
/// everything after it fails, and what went before stays.
final class KillingDisk: Disk {
    private let inner = PosixDisk()
    /// Changing operations that are still allowed.
    private let left: Lock<Int>

    init(operations: Int) { left = Lock(operations) }

    /// Whether the moment of the kill has come.
    var isKilled: Bool { left.withLock { $0 < 0 } }

    fileprivate func spend(_ what: String) throws(SystemError) {
        let isAlive = left.withLock { left in
            left -= 1
            return left >= 0
        }
        if !isAlive { throw SystemError(call: what, errno: SystemError.eio, subject: "killed") }
    }

    func open(_ path: String, _ mode: DiskOpenMode) throws(SystemError) -> any DiskFile {
        if mode != .read { try spend("open") }
        return KillingFile(try inner.open(path, mode), self)
    }
    func createDirectory(_ path: String) throws(SystemError) {
        try spend("mkdir")
        try inner.createDirectory(path)
    }
    func list(_ path: String) throws(SystemError) -> [String] { try inner.list(path) }
    func entry(_ path: String) throws(SystemError) -> DiskEntry? { try inner.entry(path) }
    func rename(_ from: String, to: String) throws(SystemError) {
        try spend("rename")
        try inner.rename(from, to: to)
    }
    func remove(_ path: String) throws(SystemError) {
        try spend("unlink")
        try inner.remove(path)
    }
    func removeDirectory(_ path: String) throws(SystemError) {
        try spend("rmdir")
        try inner.removeDirectory(path)
    }
    func syncDirectory(_ path: String) throws(SystemError) { try spend("fsync") }
    func freeBytes(_ path: String) throws(SystemError) -> Int64 { try inner.freeBytes(path) }
    func lock(_ path: String) throws(SystemError) -> (any DiskFile)? { try inner.lock(path) }
}

private final class KillingFile: DiskFile {
    private let inner: any DiskFile
    private let disk: KillingDisk
    var path: String { inner.path }

    init(_ inner: any DiskFile, _ disk: KillingDisk) {
        self.inner = inner
        self.disk = disk
    }

    func size() throws(SystemError) -> Int64 { try inner.size() }
    func read(
        into buffer: UnsafeMutableRawBufferPointer, at position: Int64
    ) throws(SystemError) -> Int { try inner.read(into: buffer, at: position) }
    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(SystemError) {
        do throws(SystemError) {
            try disk.spend("pwrite")
        } catch {
            // Killed in the middle of the call: half of it is there.
            try inner.write(
                UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)]), at: position)
            throw error
        }
        try inner.write(bytes, at: position)
    }
    func allocate(to size: Int64) throws(SystemError) {
        try disk.spend("posix_fallocate")
        try inner.allocate(to: size)
    }
    func truncate(to size: Int64) throws(SystemError) {
        try disk.spend("ftruncate")
        try inner.truncate(to: size)
    }
    func syncData() throws(SystemError) { try disk.spend("fdatasync") }
    func dropCache() throws(SystemError) { try inner.dropCache() }
}
