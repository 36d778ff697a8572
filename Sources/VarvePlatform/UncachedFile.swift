internal import CVarvePlatform
internal import Glibc

extension PosixDisk {
    /// With O_DIRECT; on a file system without it (tmpfs), each read drops the file's clean pages.
    package func openPastCache(_ path: String) throws(SystemError) -> any DiskFile {
        let descriptor = retryingInterrupts { varve_open_direct(path) }
        if descriptor >= 0 { return DirectFile(descriptor: descriptor, path: path) }
        if Glibc.errno == EINVAL { return DroppingFile(try open(path, .read)) }
        throw .last("open", path)
    }
}

/// A file that is read straight from its device (O_DIRECT). Where the page cache has the same
/// bytes they stay there, and what is read does not come in.
///
/// Such reads have to be aligned, in memory and in the file, to the device's blocks: 4096 bytes
/// are enough for every device there is. What was asked for is copied out of an aligned buffer.
final class DirectFile: DiskFile, @unchecked Sendable {
    // SAFETY: `buffer` is only touched under `lock`; the rest is immutable.
    let path: String
    private let descriptor: Int32
    private let lock = Lock<Void>(())
    private let buffer: UnsafeMutableRawBufferPointer

    private static let alignment = 4096
    private static let bufferBytes = 256 << 10

    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
        buffer = .allocate(byteCount: Self.bufferBytes, alignment: Self.alignment)
    }

    deinit {
        close(descriptor)
        buffer.deallocate()
    }

    func size() throws(SystemError) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .last("fstat", path) }
        return Int64(status.st_size)
    }

    func read(
        into target: UnsafeMutableRawBufferPointer, at position: Int64
    ) throws(SystemError) -> Int {
        try lock.withLock { (_) throws(SystemError) in
            var done = 0
            while done < target.count {
                let at = position + Int64(done)
                let skipped = Int(at % Int64(Self.alignment))
                let count = retryingInterrupts {
                    pread(
                        descriptor, buffer.baseAddress!, buffer.count, off_t(at) - off_t(skipped))
                }
                if count < 0 { throw .last("pread", path) }
                // Short only at the end of the file.
                guard count > skipped else { break }
                let taken = min(count - skipped, target.count - done)
                (target.baseAddress! + done).copyMemory(
                    from: buffer.baseAddress! + skipped, byteCount: taken)
                done += taken
                if count < buffer.count { break }
            }
            return done
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(SystemError) {
        throw SystemError(call: "pwrite", errno: EBADF, subject: path)
    }

    func truncate(to size: Int64) throws(SystemError) {
        throw SystemError(call: "ftruncate", errno: EBADF, subject: path)
    }

    func syncData() throws(SystemError) {}
    func dropCache() throws(SystemError) {}
}

/// A file of which nothing stays in the page cache: its clean pages are dropped before each read
/// and behind it.
final class DroppingFile: DiskFile {
    private let file: any DiskFile

    init(_ file: any DiskFile) { self.file = file }

    var path: String { file.path }
    func size() throws(SystemError) -> Int64 { try file.size() }

    func read(
        into buffer: UnsafeMutableRawBufferPointer, at position: Int64
    ) throws(SystemError) -> Int {
        try file.dropCache()
        let count = try file.read(into: buffer, at: position)
        try file.dropCache()
        return count
    }

    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(SystemError) {
        try file.write(bytes, at: position)
    }

    func truncate(to size: Int64) throws(SystemError) { try file.truncate(to: size) }
    func syncData() throws(SystemError) { try file.syncData() }
    func dropCache() throws(SystemError) { try file.dropCache() }
}
