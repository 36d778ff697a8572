internal import VarvePlatform

/// The machine's disk for a process that kills itself at the n-th operation that changes
/// something: before it, after it, or, for a write, in the middle.
final class SuicidalDisk: Disk {
    enum Moment: String, CaseIterable, Sendable {
        case before, middle, after
    }

    private let inner = PosixDisk()
    private let count = Lock(0)
    private let killAt: Int
    private let moment: Moment

    /// - Parameter killAt: from 1; 0 never comes.
    init(killAt: Int, moment: Moment) {
        self.killAt = killAt
        self.moment = moment
    }

    private static func die() -> Never {
        ProcessControl.send(ProcessControl.kill, to: ProcessControl.identifier)
        // The signal is on its way.
        while true {}
    }

    /// Counts `operation`, runs it, and dies where that is due. `half` is what is done of it where
    /// the process dies in its middle.
    fileprivate func change<Result>(
        half: () throws(SystemError) -> Void = {}, _ operation: () throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        let isLast = count.withLock { count in
            count += 1
            return count == killAt
        }
        guard isLast else { return try operation() }
        switch moment {
        case .before: Self.die()
        // Where it fails as well: another count would not come.
        case .middle:
            do throws(SystemError) { try half() } catch {}
            Self.die()
        case .after:
            do throws(SystemError) { _ = try operation() } catch {}
            Self.die()
        }
    }

    func open(_ path: String, _ mode: DiskOpenMode) throws(SystemError) -> any DiskFile {
        let inner = self.inner
        if mode == .read { return try inner.open(path, mode) }
        return SuicidalFile(
            try change { () throws(SystemError) in try inner.open(path, mode) }, self)
    }
    func createDirectory(_ path: String) throws(SystemError) {
        try change { () throws(SystemError) in try inner.createDirectory(path) }
    }
    func list(_ path: String) throws(SystemError) -> [String] { try inner.list(path) }
    func entry(_ path: String) throws(SystemError) -> DiskEntry? { try inner.entry(path) }
    func rename(_ from: String, to: String) throws(SystemError) {
        try change { () throws(SystemError) in try inner.rename(from, to: to) }
    }
    func remove(_ path: String) throws(SystemError) {
        try change { () throws(SystemError) in try inner.remove(path) }
    }
    func removeDirectory(_ path: String) throws(SystemError) {
        try change { () throws(SystemError) in try inner.removeDirectory(path) }
    }
    func syncDirectory(_ path: String) throws(SystemError) {
        try change { () throws(SystemError) in try inner.syncDirectory(path) }
    }
    func freeBytes(_ path: String) throws(SystemError) -> Int64 { try inner.freeBytes(path) }
    func lock(_ path: String) throws(SystemError) -> (any DiskFile)? { try inner.lock(path) }
    func fileSystem(of path: String) throws(SystemError) -> (any DiskFileSystem)? {
        try inner.fileSystem(of: path).map { SuicidalFileSystem($0, self) }
    }
}

private final class SuicidalFileSystem: DiskFileSystem {
    private let inner: any DiskFileSystem
    private let disk: SuicidalDisk

    init(_ inner: any DiskFileSystem, _ disk: SuicidalDisk) {
        self.inner = inner
        self.disk = disk
    }

    func writeBack() throws(SystemError) {
        try disk.change { () throws(SystemError) in try inner.writeBack() }
    }
}

private final class SuicidalFile: DiskFile {
    private let inner: any DiskFile
    private let disk: SuicidalDisk
    var path: String { inner.path }

    init(_ inner: any DiskFile, _ disk: SuicidalDisk) {
        self.inner = inner
        self.disk = disk
    }

    func size() throws(SystemError) -> Int64 { try inner.size() }
    func read(
        into buffer: UnsafeMutableRawBufferPointer, at position: Int64
    ) throws(SystemError) -> Int { try inner.read(into: buffer, at: position) }
    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(SystemError) {
        try disk.change(
            half: { () throws(SystemError) in
                try inner.write(
                    UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)]), at: position)
            },
            { () throws(SystemError) in try inner.write(bytes, at: position) })
    }
    func allocate(to size: Int64) throws(SystemError) {
        try disk.change { () throws(SystemError) in try inner.allocate(to: size) }
    }
    func truncate(to size: Int64) throws(SystemError) {
        try disk.change { () throws(SystemError) in try inner.truncate(to: size) }
    }
    func syncData() throws(SystemError) {
        try disk.change { () throws(SystemError) in try inner.syncData() }
    }
    func dropCache() throws(SystemError) { try inner.dropCache() }
}
