import VarvePlatform

/// The machine's disk, but writes leave out the pages that are zeros: a history of any size that
/// takes next to no space, and reads back byte for byte.
final class SparseDisk: Disk {
    private let disk = PosixDisk()

    func open(_ path: String, _ mode: DiskOpenMode) throws(SystemError) -> any DiskFile {
        SparseFile(try disk.open(path, mode))
    }

    func createDirectory(_ path: String) throws(SystemError) { try disk.createDirectory(path) }
    func list(_ path: String) throws(SystemError) -> [String] { try disk.list(path) }
    func entry(_ path: String) throws(SystemError) -> DiskEntry? { try disk.entry(path) }
    func rename(_ from: String, to: String) throws(SystemError) { try disk.rename(from, to: to) }
    func remove(_ path: String) throws(SystemError) { try disk.remove(path) }
    func removeDirectory(_ path: String) throws(SystemError) { try disk.removeDirectory(path) }
    func syncDirectory(_ path: String) throws(SystemError) { try disk.syncDirectory(path) }
    /// There is always room for holes.
    func freeBytes(_ path: String) throws(SystemError) -> Int64 { 1 << 50 }
    func lock(_ path: String) throws(SystemError) -> (any DiskFile)? { try disk.lock(path) }
}

/// A file of a `SparseDisk`.
private final class SparseFile: DiskFile {
    private static let pageBytes = 4096
    private let file: any DiskFile

    init(_ file: any DiskFile) { self.file = file }

    var path: String { file.path }
    func size() throws(SystemError) -> Int64 { try file.size() }

    func read(
        into buffer: UnsafeMutableRawBufferPointer, at position: Int64
    ) throws(SystemError) -> Int { try file.read(into: buffer, at: position) }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(SystemError) {
        // Whole pages of the file: what lies before the first and behind the last is written.
        let first = Int((-position) & Int64(Self.pageBytes - 1))
        let pages = (bytes.count - first) / Self.pageBytes
        guard pages > 16 else { return try file.write(bytes, at: position) }
        var begun = 0
        for page in 0..<pages {
            let range = first + page * Self.pageBytes..<first + (page + 1) * Self.pageBytes
            guard Self.isZero(UnsafeRawBufferPointer(rebasing: bytes[range])) else { continue }
            if begun < range.lowerBound {
                try file.write(
                    UnsafeRawBufferPointer(rebasing: bytes[begun..<range.lowerBound]),
                    at: position + Int64(begun))
            }
            begun = range.upperBound
        }
        if begun < bytes.count {
            try file.write(
                UnsafeRawBufferPointer(rebasing: bytes[begun...]), at: position + Int64(begun))
        } else {
            try file.truncate(to: position + Int64(bytes.count))
        }
    }

    func truncate(to size: Int64) throws(SystemError) { try file.truncate(to: size) }
    func allocate(to size: Int64) throws(SystemError) { try file.allocate(to: size) }
    func syncData() throws(SystemError) { try file.syncData() }
    func dropCache() throws(SystemError) { try file.dropCache() }

    private static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var all: UInt64 = 0
        for at in stride(from: 0, to: bytes.count, by: 8) {
            all |= bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
        }
        return all == 0
    }
}
