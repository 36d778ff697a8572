/// How `Disk.open` opens a file.
package enum DiskOpenMode: Sendable {
    /// For reading; the file must exist.
    case read
    /// For reading and writing; the file must exist.
    case readWrite
    /// For reading and writing; the file is made when it does not exist.
    case create
    /// For reading and writing; the file must not exist (EEXIST).
    case createNew
}

/// What a path names.
package enum DiskEntry: Equatable, Sendable {
    case file(size: Int64)
    case directory
}

/// A file system, as the log uses one: POSIX, or simulated with power cuts and faults.
///
/// A new, renamed or removed name is durable only after `syncDirectory` of its parent. One dynamic
/// call (about 3 ns) stands before a system call here, which is why this may be an existential.
package protocol Disk: AnyObject, Sendable {
    func open(_ path: String, _ mode: DiskOpenMode) throws(SystemError) -> any DiskFile
    /// Opens an existing file to be read only, from the device and not from the page cache, whose
    /// contents it leaves alone where the file system can do that.
    func openPastCache(_ path: String) throws(SystemError) -> any DiskFile
    /// Makes one directory; does nothing when it exists.
    func createDirectory(_ path: String) throws(SystemError)
    /// The names in a directory, sorted, without "." and "..".
    func list(_ path: String) throws(SystemError) -> [String]
    /// What is at `path`; nil when nothing is.
    func entry(_ path: String) throws(SystemError) -> DiskEntry?
    /// Moves a file or directory, replacing a file atomically.
    func rename(_ from: String, to: String) throws(SystemError)
    /// Removes a file.
    func remove(_ path: String) throws(SystemError)
    /// Removes an empty directory.
    func removeDirectory(_ path: String) throws(SystemError)
    /// Makes the names in a directory durable.
    func syncDirectory(_ path: String) throws(SystemError)
    /// Bytes an ordinary user can still write on the file system of `path`.
    func freeBytes(_ path: String) throws(SystemError) -> Int64
    /// Bytes that the file system of `path` has in all; nil where there is no such number.
    func totalBytes(_ path: String) throws(SystemError) -> Int64?
    /// Takes the whole-file lock of `path` (made when missing) for the life of the returned file;
    /// nil when another process holds it.
    func lock(_ path: String) throws(SystemError) -> (any DiskFile)?
    /// The file system of `path`, where it can write back all files at once and tells of it when
    /// one of them failed; nil where it cannot.
    func fileSystem(of path: String) throws(SystemError) -> (any DiskFileSystem)?
}

/// A file system whose files can be made durable together.
package protocol DiskFileSystem: AnyObject, Sendable {
    /// Hands the bytes and sizes of all files, and the names in all directories, to the device, and
    /// waits for it. They are durable when a `DiskFile.syncData` that began after it has returned:
    /// that empties the device's own cache.
    ///
    /// After an error, which the file system may have had with anybody's file since the last call,
    /// nothing is known of any of them. `syncData` of each tells which failed, once: each open
    /// file hears of its own failure, whatever this call has reported.
    func writeBack() throws(SystemError)
}

/// An open file. Positions are absolute; there is no cursor. Any calls may overlap, except that
/// writes to the same range are the caller's to order. Closed when the last reference goes.
package protocol DiskFile: AnyObject, Sendable {
    var path: String { get }
    func size() throws(SystemError) -> Int64
    /// Fills `buffer` from `position`; fewer bytes come back only at the end of the file.
    func read(
        into buffer: UnsafeMutableRawBufferPointer, at position: Int64
    ) throws(SystemError) -> Int
    /// Writes all of `bytes`. On an error any part of them may have been written.
    /// On return they are in the page cache, not on disk.
    func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(SystemError)
    /// Writes `head` and then `body` behind it, in one call where the system has one.
    func write(
        _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, at position: Int64
    ) throws(SystemError)
    /// Extends the file to `size` bytes, where it is smaller, with space set aside for all of them
    /// (posix_fallocate): writing there cannot fail for want of space. On an error part of it may
    /// be set aside and the size may have changed; `truncate` gives that back.
    func allocate(to size: Int64) throws(SystemError)
    /// Sets space aside for `count` bytes behind the file's end, which stays where it is: writes
    /// there find their blocks and cost less. Where the file system is short of space, or knows no
    /// such thing, nothing happens. It is no promise of room, and nothing of it need be durable.
    func setSpaceAside(_ count: Int64)
    /// Cuts or extends (with zeros) the file to `size`. What `setSpaceAside` left over behind that
    /// goes back, also where the size is what it was.
    func truncate(to size: Int64) throws(SystemError)
    /// Makes the file's bytes and size durable (fdatasync). After an error nothing is known about
    /// the bytes written since the last success, and a second call would lie: never retry (I6).
    func syncData() throws(SystemError)
    /// Drops the file's clean pages from the cache, so that the next read asks the device.
    func dropCache() throws(SystemError)
}

extension DiskFile {
    package func setSpaceAside(_ count: Int64) {}

    /// By writing zeros, as the C library does where a file system cannot set space aside.
    package func allocate(to size: Int64) throws(SystemError) {
        let end = try self.size()
        if end < size { try writeZeros(end..<size) }
    }

    /// Writes zeros to these positions.
    package func writeZeros(_ range: Range<Int64>) throws(SystemError) {
        let count = min(range.upperBound - range.lowerBound, 1 << 16)
        try withUnsafeTemporaryAllocation(byteCount: Int(count), alignment: 16) {
            zeros throws(SystemError) in
            zeros.initializeMemory(as: UInt8.self, repeating: 0)
            var position = range.lowerBound
            while position < range.upperBound {
                let piece = zeros[..<Int(min(count, range.upperBound - position))]
                try write(UnsafeRawBufferPointer(rebasing: piece), at: position)
                position += Int64(piece.count)
            }
        }
    }

    package func write(
        _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, at position: Int64
    ) throws(SystemError) {
        try write(head, at: position)
        try write(body, at: position + Int64(head.count))
    }
}

extension Disk {
    /// For disks without such a way: each read drops what the cache has first.
    package func openPastCache(_ path: String) throws(SystemError) -> any DiskFile {
        DroppingFile(try open(path, .read))
    }

    /// For disks whose files are synced one by one.
    package func fileSystem(of path: String) throws(SystemError) -> (any DiskFileSystem)? { nil }

    /// For disks that have no size.
    package func totalBytes(_ path: String) throws(SystemError) -> Int64? { nil }

    /// Replaces the file at `path` so that after a crash it holds the old bytes or the new.
    /// Durable on return: written aside, synced, renamed, directory synced.
    package func replace(
        _ path: String, with bytes: ByteSlice, inDirectory directory: String
    ) throws(SystemError) {
        let aside = path + ".tmp"
        let file = try open(aside, .create)
        try file.truncate(to: 0)
        try bytes.withUnsafeBytes { (raw) throws(SystemError) in try file.write(raw, at: 0) }
        try file.syncData()
        try rename(aside, to: path)
        try syncDirectory(directory)
    }

    /// The whole file, up to `bytesMax` bytes (EFBIG-like error when it is larger).
    package func readAll(
        _ path: String, bytesMax: Int = 64 << 20
    ) throws(SystemError) -> ByteSlice {
        let file = try open(path, .read)
        let size = try file.size()
        guard size <= Int64(bytesMax) else {
            throw SystemError(call: "read", errno: SystemError.fileTooBig, subject: path)
        }
        return try ByteSlice(filling: Int(size)) { (buffer) throws(SystemError) in
            try file.read(into: buffer, at: 0)
        }
    }
}
