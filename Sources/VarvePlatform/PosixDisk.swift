internal import CVarvePlatform
internal import Glibc

/// The machine's file system.
package final class PosixDisk: Disk {
    package init() {}

    package func open(_ path: String, _ mode: DiskOpenMode) throws(SystemError) -> any DiskFile {
        try PosixFile(descriptor: descriptor(path, mode), path: path)
    }

    private func descriptor(_ path: String, _ mode: DiskOpenMode) throws(SystemError) -> Int32 {
        let flags =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT
            case .createNew: O_RDWR | O_CREAT | O_EXCL
            }
        let descriptor = retryingInterrupts { varve_open(path, flags, 0o640) }
        guard descriptor >= 0 else { throw .last("open", path) }
        return descriptor
    }

    package func createDirectory(_ path: String) throws(SystemError) {
        if mkdir(path, 0o750) != 0 && Glibc.errno != EEXIST { throw .last("mkdir", path) }
    }

    package func list(_ path: String) throws(SystemError) -> [String] {
        guard let directory = opendir(path) else { throw .last("opendir", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while true {
            Glibc.errno = 0
            guard let entry = readdir(directory) else {
                if Glibc.errno != 0 { throw .last("readdir", path) }
                return names.sorted()
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
    }

    package func entry(_ path: String) throws(SystemError) -> DiskEntry? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if Glibc.errno == ENOENT || Glibc.errno == ENOTDIR { return nil }
            throw .last("stat", path)
        }
        return status.st_mode & S_IFMT == S_IFDIR ? .directory : .file(size: Int64(status.st_size))
    }

    package func rename(_ from: String, to: String) throws(SystemError) {
        guard Glibc.rename(from, to) == 0 else { throw .last("rename", "\(from) to \(to)") }
    }

    package func remove(_ path: String) throws(SystemError) {
        guard unlink(path) == 0 else { throw .last("unlink", path) }
    }

    package func removeDirectory(_ path: String) throws(SystemError) {
        guard rmdir(path) == 0 else { throw .last("rmdir", path) }
    }

    package func syncDirectory(_ path: String) throws(SystemError) {
        let descriptor = retryingInterrupts { varve_open(path, O_RDONLY | O_DIRECTORY, 0) }
        guard descriptor >= 0 else { throw .last("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0, varve_takes_changes(descriptor) == 1 else {
            throw .last("fsync", path)
        }
    }

    package func freeBytes(_ path: String) throws(SystemError) -> Int64 {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw .last("statvfs", path) }
        return Int64(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
    }

    package func totalBytes(_ path: String) throws(SystemError) -> Int64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw .last("statvfs", path) }
        return Int64(clamping: UInt64(status.f_blocks) &* UInt64(status.f_frsize))
    }

    package func lock(_ path: String) throws(SystemError) -> (any DiskFile)? {
        let descriptor = try descriptor(path, .create)
        if varve_lock_exclusive(descriptor) == 0 {
            return PosixFile(descriptor: descriptor, path: path, isLock: true)
        }
        let error = SystemError.last("fcntl(F_OFD_SETLK)", path)
        close(descriptor)
        if error.errno == EAGAIN || error.errno == EACCES { return nil }
        throw error
    }

    package func fileSystem(of path: String) throws(SystemError) -> (any DiskFileSystem)? {
        let descriptor = retryingInterrupts { varve_open(path, O_RDONLY | O_DIRECTORY, 0) }
        guard descriptor >= 0 else { throw .last("open", path) }
        let fileSystem = PosixFileSystem(descriptor: descriptor, path: path)
        return varve_can_write_back(descriptor) == 1 ? fileSystem : nil
    }

    /// Whether another process holds the lock of `path`; false when there is no such file. Takes
    /// no lock and changes nothing.
    package func isLocked(_ path: String) throws(SystemError) -> Bool {
        let file: PosixFile
        do throws(SystemError) {
            file = try PosixFile(reading: path)
        } catch {
            if error.isMissing { return false }
            throw error
        }
        // Not earlier: the descriptor goes with the file.
        let answer = withExtendedLifetime(file) { varve_is_locked(file.descriptor) }
        guard answer >= 0 else { throw .last("fcntl(F_OFD_GETLK)", path) }
        return answer == 1
    }
}

/// The file system of a directory.
///
/// The directory stays open: the kernel tells a descriptor of the failed write-backs since its last
/// `syncfs`, or since it was opened.
final class PosixFileSystem: DiskFileSystem {
    private let descriptor: Int32
    private let path: String

    fileprivate init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    func writeBack() throws(SystemError) {
        guard varve_write_back(descriptor) == 0 else { throw .last("syncfs", path) }
    }
}

/// An open file of the machine's file system; closes its descriptor when the last reference goes.
package final class PosixFile: DiskFile {
    package let path: String
    /// For calls that need the number itself (sendfile); good while this object lives.
    package let descriptor: Int32
    /// The file is a lock that this holds.
    private let isLock: Bool

    /// One write call carries at most this much. Measured on ext4 without preallocation: single
    /// writes of 1 MiB and more cost five times the CPU of 64 to 256 KiB pieces.
    private static let writeBytesMax = 256 << 10

    init(descriptor: Int32, path: String, isLock: Bool = false) {
        self.descriptor = descriptor
        self.path = path
        self.isLock = isLock
    }

    /// Opens an existing file, or pipe, to be read only.
    package convenience init(reading path: String) throws(SystemError) {
        let descriptor = retryingInterrupts { varve_open(path, O_RDONLY, 0) }
        guard descriptor >= 0 else { throw .last("open", path) }
        self.init(descriptor: descriptor, path: path)
    }

    deinit {
        // A child between its fork and its exec has a copy of the descriptor, which keeps the lock.
        if isLock { _ = varve_unlock(descriptor) }
        close(descriptor)
    }

    package func size() throws(SystemError) -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("fstat") }
        return Int64(status.st_size)
    }

    package func read(
        into buffer: UnsafeMutableRawBufferPointer, at position: Int64
    ) throws(SystemError) -> Int {
        var done = 0
        while done < buffer.count {
            let count = retryingInterrupts {
                pread(
                    descriptor, buffer.baseAddress! + done, buffer.count - done,
                    off_t(position) + off_t(done))
            }
            if count < 0 { throw failure("pread") }
            if count == 0 { break }
            done += count
        }
        return done
    }

    package func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let count = retryingInterrupts {
                pwrite(
                    descriptor, bytes.baseAddress! + done,
                    min(bytes.count - done, Self.writeBytesMax), off_t(position) + off_t(done))
            }
            if count < 0 { throw failure("pwrite") }
            if count == 0 { throw SystemError(call: "pwrite", errno: 0, subject: path) }
            done += count
        }
    }

    package func write(
        _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, at position: Int64
    ) throws(SystemError) {
        let first = UnsafeRawBufferPointer(
            rebasing: body.prefix(max(0, Self.writeBytesMax - head.count)))
        let count = withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { pieces in
            pieces[0] = iovec(
                iov_base: UnsafeMutableRawPointer(mutating: head.baseAddress),
                iov_len: head.count)
            pieces[1] = iovec(
                iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress),
                iov_len: first.count)
            return retryingInterrupts {
                pwritev(descriptor, pieces.baseAddress!, 2, off_t(position))
            }
        }
        if count < 0 { throw failure("pwritev") }
        // What the one call left goes the plain way.
        if count < head.count {
            try write(UnsafeRawBufferPointer(rebasing: head[count...]), at: position + Int64(count))
        }
        let bodyDone = max(0, count - head.count)
        if bodyDone < body.count {
            try write(
                UnsafeRawBufferPointer(rebasing: body[bodyDone...]),
                at: position + Int64(head.count + bodyDone))
        }
    }

    package func allocate(to size: Int64) throws(SystemError) {
        var code: Int32
        repeat { code = posix_fallocate(descriptor, 0, off_t(size)) } while code == EINTR
        guard code == 0 else {
            throw SystemError(call: "posix_fallocate", errno: code, subject: path)
        }
    }

    /// Space is set aside only where it is less than this part of what is free.
    private static let setAsidePart: Int64 = 64

    package func setSpaceAside(_ count: Int64) {
        var (system, status) = (statvfs(), stat())
        guard fstatvfs(descriptor, &system) == 0, fstat(descriptor, &status) == 0,
            Int64(system.f_bavail) * Int64(system.f_frsize) / Self.setAsidePart >= count
        else { return }
        _ = varve_set_space_aside(descriptor, Int64(status.st_size), count)
    }

    package func truncate(to size: Int64) throws(SystemError) {
        guard retryingInterrupts({ ftruncate(descriptor, off_t(size)) }) == 0 else {
            throw failure("ftruncate")
        }
    }

    package func syncData() throws(SystemError) {
        // Not repeated after EINTR either: what it did is unknown, which is a failed sync (I6).
        guard fdatasync(descriptor) == 0, varve_takes_changes(descriptor) == 1 else {
            throw failure("fdatasync")
        }
    }

    package func dropCache() throws(SystemError) {
        let code = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        guard code == 0 else {
            throw SystemError(call: "posix_fadvise", errno: code, subject: path)
        }
    }

    private func failure(_ call: String) -> SystemError {
        let error = SystemError.last(call, path)
        trapOnProgrammerError(error)
        return error
    }
}
