internal import VarvePlatform

/// The disk for what has to go on when it is full: a call that meets ENOSPC is made again after a
/// piece of the reserve was given up.
///
/// Every call here may be made twice: positions are absolute, and a name that is there already is
/// either meant or the first call's own. Syncs are not: a sync that fails for want of space is a
/// failed sync (I6).
final class ReserveDisk: Disk {
    private let disk: any Disk
    private let reserve: DiskReserve

    /// A new file, name or directory takes a block or two; the rest is room for the file system.
    private static let nameBytes: Int64 = 64 << 10
    /// Where that many pieces did not help, it is not bytes that are missing.
    private static let attemptsMax = 4

    init(_ disk: any Disk, reserve: DiskReserve) {
        self.disk = disk
        self.reserve = reserve
    }

    fileprivate static func run<Result>(
        _ reserve: DiskReserve, needing bytes: Int64,
        _ body: () throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        var attempts = 0
        while true {
            do throws(SystemError) {
                return try body()
            } catch {
                guard error.isOnlyFull, attempts < attemptsMax, reserve.giveUp(bytes) else {
                    throw error
                }
                attempts += 1
            }
        }
    }

    private func run<Result>(
        _ body: () throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        try Self.run(reserve, needing: Self.nameBytes, body)
    }

    func open(_ path: String, _ mode: DiskOpenMode) throws(SystemError) -> any DiskFile {
        let file = try run { () throws(SystemError) in try disk.open(path, mode) }
        if case .read = mode { return file }
        return ReserveFile(file, reserve: reserve)
    }

    func openPastCache(_ path: String) throws(SystemError) -> any DiskFile {
        try disk.openPastCache(path)
    }

    func createDirectory(_ path: String) throws(SystemError) {
        try run { () throws(SystemError) in try disk.createDirectory(path) }
    }

    func rename(_ from: String, to: String) throws(SystemError) {
        try run { () throws(SystemError) in try disk.rename(from, to: to) }
    }

    func remove(_ path: String) throws(SystemError) {
        try run { () throws(SystemError) in try disk.remove(path) }
    }

    func removeDirectory(_ path: String) throws(SystemError) {
        try run { () throws(SystemError) in try disk.removeDirectory(path) }
    }

    func list(_ path: String) throws(SystemError) -> [String] { try disk.list(path) }
    func entry(_ path: String) throws(SystemError) -> DiskEntry? { try disk.entry(path) }
    func syncDirectory(_ path: String) throws(SystemError) { try disk.syncDirectory(path) }
    func freeBytes(_ path: String) throws(SystemError) -> Int64 { try disk.freeBytes(path) }
    func totalBytes(_ path: String) throws(SystemError) -> Int64? { try disk.totalBytes(path) }
    func lock(_ path: String) throws(SystemError) -> (any DiskFile)? { try disk.lock(path) }
}

/// A file that may take from the reserve to grow.
private final class ReserveFile: DiskFile {
    private let file: any DiskFile
    private let reserve: DiskReserve

    init(_ file: any DiskFile, reserve: DiskReserve) {
        self.file = file
        self.reserve = reserve
    }

    var path: String { file.path }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(SystemError) {
        try ReserveDisk.run(reserve, needing: Int64(bytes.count)) { () throws(SystemError) in
            try file.write(bytes, at: position)
        }
    }

    func write(
        _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, at position: Int64
    ) throws(SystemError) {
        try ReserveDisk.run(reserve, needing: Int64(head.count + body.count)) {
            () throws(SystemError) in try file.write(head, body, at: position)
        }
    }

    func allocate(to size: Int64) throws(SystemError) { try file.allocate(to: size) }
    func truncate(to size: Int64) throws(SystemError) { try file.truncate(to: size) }
    func size() throws(SystemError) -> Int64 { try file.size() }
    func read(
        into buffer: UnsafeMutableRawBufferPointer, at position: Int64
    ) throws(SystemError) -> Int { try file.read(into: buffer, at: position) }
    func syncData() throws(SystemError) { try file.syncData() }
    func dropCache() throws(SystemError) { try file.dropCache() }
}
