import VarvePlatform

/// The machine's disk with a gate before every sync of a log file: closed, syncs wait; failing,
/// they fail as a sick disk's do; losing, what was to be synced is gone besides.
final class GateDisk: Disk {
    enum Gate { case open, closed, failing, losing }

    private let real = PosixDisk()
    private let gate = Lock(Gate.open)

    func set(_ new: Gate) {
        gate.withLock { $0 = new }
        gate.signal()
    }

    fileprivate func pass(_ path: String) throws(SystemError) {
        guard path.hasSuffix(".log") else { return }
        let found = gate.wait { gate -> Gate? in
            if case .closed = gate { return nil }
            return gate
        }
        if found != .open {
            throw SystemError(call: "fdatasync", errno: SystemError.eio, subject: path)
        }
    }

    fileprivate func keepsWrites(_ path: String) -> Bool {
        !path.hasSuffix(".log") || gate.withLock { $0 != .losing }
    }

    func open(_ path: String, _ mode: DiskOpenMode) throws(SystemError) -> any DiskFile {
        GateFile(try real.open(path, mode), disk: self)
    }
    func createDirectory(_ path: String) throws(SystemError) { try real.createDirectory(path) }
    func list(_ path: String) throws(SystemError) -> [String] { try real.list(path) }
    func entry(_ path: String) throws(SystemError) -> DiskEntry? { try real.entry(path) }
    func rename(_ from: String, to: String) throws(SystemError) { try real.rename(from, to: to) }
    func remove(_ path: String) throws(SystemError) { try real.remove(path) }
    func removeDirectory(_ path: String) throws(SystemError) { try real.removeDirectory(path) }
    func syncDirectory(_ path: String) throws(SystemError) { try real.syncDirectory(path) }
    func freeBytes(_ path: String) throws(SystemError) -> Int64 { try real.freeBytes(path) }
    func lock(_ path: String) throws(SystemError) -> (any DiskFile)? { try real.lock(path) }
}

private final class GateFile: DiskFile {
    private let file: any DiskFile
    private let disk: GateDisk

    init(_ file: any DiskFile, disk: GateDisk) {
        self.file = file
        self.disk = disk
    }

    var path: String { file.path }
    func size() throws(SystemError) -> Int64 { try file.size() }
    func read(
        into buffer: UnsafeMutableRawBufferPointer, at position: Int64
    ) throws(SystemError) -> Int { try file.read(into: buffer, at: position) }
    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(SystemError) {
        if disk.keepsWrites(path) { try file.write(bytes, at: position) }
    }
    func allocate(to size: Int64) throws(SystemError) { try file.allocate(to: size) }
    func truncate(to size: Int64) throws(SystemError) { try file.truncate(to: size) }
    func syncData() throws(SystemError) {
        try disk.pass(path)
        try file.syncData()
    }
    func dropCache() throws(SystemError) { try file.dropCache() }
}
