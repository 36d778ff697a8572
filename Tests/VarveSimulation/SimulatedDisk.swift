package import VarvePlatform

/// A disk in memory that forgets like a real one.
///
/// It remembers what was synced, by sector of 512 bytes and by directory entry; `powerCut` keeps
/// or loses everything else piece by piece. It can fail any operation, write short, lie about a
/// sync after a failed one, fill up, and stop at a chosen operation as if the process had died.
/// Everything random comes from the seed.
package final class SimulatedDisk: Disk {
    /// A failure to come.
    package struct Fault: Sendable {
        /// Which operation fails, counted from the disk's beginning (`operationCount`).
        package var operation: Int
        package var errno: Int32
        /// All later operations of the kinds that change something fail as well.
        package var isLasting: Bool

        package init(operation: Int, errno: Int32, isLasting: Bool = false) {
            self.operation = operation
            self.errno = errno
            self.isLasting = isLasting
        }
    }

    /// What an operation does, for faults that concern only some and for counting.
    package enum Kind: String, Sendable {
        case look, read, open, write, truncate, sync, syncDirectory, name
        var isChange: Bool { self != .look && self != .read }
    }

    private enum Inode {
        case file(SimulatedFileData)
        case directory(SimulatedDirectoryData)
    }

    private struct State {
        var inodes: [Int: Inode] = [0: .directory(SimulatedDirectoryData())]
        var nextInode = 1
        var generator: Generator
        var operations = 0
        var fault: Fault?
        var faultsMet = 0
        /// Every operation from this one on fails: the process is gone.
        var deathAt: Int?
        var capacity: Int?
        /// Raised by a power cut or a kill: files opened before are dead.
        var life = 0
        var locked: [String: Int] = [:]
        var counts: [Kind: Int] = [:]
        var faultKinds: Set<Kind>?
        var log: [String]?
        var open = 0
        var openPeak = 0
        var openByInode: [Int: Int] = [:]
        var unsyncedCloses: [String] = []
    }

    private let state: Lock<State>

    package init(seed: UInt64) {
        state = Lock(State(generator: Generator(seed: seed)))
    }

    // MARK: What tests do to it

    /// Operations so far; the next one has this number.
    package var operationCount: Int { state.withLock { $0.operations } }
    /// How often a fault was met.
    package var faultsMet: Int { state.withLock { $0.faultsMet } }
    /// Operations of one kind so far.
    package func count(of kind: Kind) -> Int { state.withLock { $0.counts[kind] ?? 0 } }

    /// Sets or removes the failure to come. `kinds` limits it to some operations.
    package func fail(_ fault: Fault?, only kinds: Set<Kind>? = nil) {
        state.withLock { state in
            state.fault = fault
            state.faultKinds = kinds
        }
    }

    /// From operation `operation` on everything fails, until `kill` or `powerCut`.
    package func die(at operation: Int?) { state.withLock { $0.deathAt = operation } }
    package var isDead: Bool {
        state.withLock { state in state.deathAt.map { state.operations > $0 } ?? false }
    }

    /// All files together may hold so many bytes; nil for any number.
    package func setCapacity(_ bytes: Int?) { state.withLock { $0.capacity = bytes } }

    /// Keeps a list of operations from now on; `operationLog` reads it.
    package func beginLog() { state.withLock { $0.log = [] } }
    package var operationLog: [String] { state.withLock { $0.log ?? [] } }

    /// The process dies, the machine goes on: files and locks are closed, the cache stays. The
    /// failure to come stays as well, if `keepsFault`.
    package func kill(keepsFault: Bool = false) {
        state.withLock { state in
            state.life += 1
            state.locked = [:]
            state.deathAt = nil
            if !keepsFault { state.fault = nil }
        }
    }

    /// The power goes. `keep` of 100 says how likely each unsynced sector and name survives; nil
    /// picks one of 0, 10, 50, 90 and 100 at random.
    package func powerCut(keep: Int? = nil) {
        kill()
        state.withLock { state in
            let keep = keep ?? [0, 10, 50, 90, 100][state.generator.int(0..<5)]
            for inode in state.inodes.keys.sorted() {
                switch state.inodes[inode]! {
                case .file(var file):
                    file.cutPower(keep: keep, &state.generator)
                    state.inodes[inode] = .file(file)
                case .directory(var directory):
                    directory.cutPower(keep: keep, &state.generator)
                    state.inodes[inode] = .directory(directory)
                }
            }
        }
    }

    /// The bytes of a file, past all faults.
    package func contents(_ path: String) -> [UInt8]? {
        state.withLock { state in
            guard let inode = Self.find(path, state), case .file(let file) = state.inodes[inode]
            else { return nil }
            return file.cached
        }
    }

    /// Replaces a file's bytes, durably: what bit rot and careless people do.
    package func setContents(_ path: String, _ bytes: [UInt8]) {
        state.withLock { state in
            guard let inode = Self.find(path, state), case .file(var file) = state.inodes[inode]
            else { preconditionFailure("no file \(path)") }
            file.truncate(to: 0)
            bytes.withUnsafeBytes { file.write($0, at: 0) }
            file.sync()
            state.inodes[inode] = .file(file)
        }
    }

    /// Takes a name out of its directory, durably.
    package func erase(_ path: String) {
        state.withLock { state in
            let (parent, name) = Self.split(path)
            guard let inode = Self.find(parent, state),
                case .directory(var directory) = state.inodes[inode]
            else { preconditionFailure("no directory \(parent)") }
            directory.apply(.unlink(name))
            directory.sync()
            state.inodes[inode] = .directory(directory)
        }
    }

    /// Every file there is, sorted.
    package var allFiles: [String] {
        state.withLock { state in
            var found: [String] = []
            func walk(_ inode: Int, _ path: String) {
                switch state.inodes[inode]! {
                case .file: found.append(path)
                case .directory(let directory):
                    for (name, child) in directory.names { walk(child, path + "/" + name) }
                }
            }
            walk(0, "")
            return found.sorted()
        }
    }

    /// Files open now.
    package var openFileCount: Int { state.withLock { $0.open } }
    /// The most files that were open at a time, since the last `forgetPeak`.
    package var openFilePeak: Int { state.withLock { $0.openPeak } }
    package func forgetPeak() { state.withLock { $0.openPeak = $0.open } }

    /// Files whose last descriptor was closed while they had unsynced bytes, while the process
    /// lived: a failed writeback of these would be told to nobody (I6).
    package var unsyncedCloses: [String] { state.withLock { $0.unsyncedCloses } }

    // MARK: Paths

    private static func split(_ path: String) -> (parent: String, name: String) {
        let slash = path.lastIndex(of: "/")!
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    private static func find(_ path: String, _ state: State) -> Int? {
        var inode = 0
        for part in path.split(separator: "/") {
            guard case .directory(let directory) = state.inodes[inode]!,
                let next = directory.names[String(part)]
            else { return nil }
            inode = next
        }
        return inode
    }

    // MARK: Operations

    /// Counts an operation and fails it where one is to fail.
    private func begin(
        _ state: inout State, _ kind: Kind, _ call: String, _ path: String
    ) throws(SystemError) {
        let number = state.operations
        state.operations += 1
        state.counts[kind, default: 0] += 1
        state.log?.append("\(number) \(call) \(path)")
        if let deathAt = state.deathAt, number >= deathAt {
            throw SystemError(call: call + " (process gone)", errno: SystemError.eio, subject: path)
        }
        guard let fault = state.fault, state.faultKinds?.contains(kind) ?? true else { return }
        if number == fault.operation || fault.isLasting && number > fault.operation && kind.isChange {
            state.faultsMet += 1
            throw SystemError(call: call, errno: fault.errno, subject: path)
        }
    }

    /// Whether the process was gone before the operation that has just failed: then it did
    /// nothing at all.
    private static func wasDead(_ state: State) -> Bool {
        state.deathAt.map { state.operations - 1 > $0 } ?? false
    }

    private func missing(_ call: String, _ path: String) -> SystemError {
        SystemError(call: call, errno: SystemError.enoent, subject: path)
    }

    private func withDirectory(
        _ path: String, _ call: String, _ state: inout State,
        _ body: (inout SimulatedDirectoryData, inout State) throws(SystemError) -> Void
    ) throws(SystemError) {
        guard let inode = Self.find(path, state), case .directory(var data) = state.inodes[inode]
        else { throw missing(call, path) }
        try body(&data, &state)
        state.inodes[inode] = .directory(data)
    }

    package func open(_ path: String, _ mode: DiskOpenMode) throws(SystemError) -> any DiskFile {
        try state.withLock { (state) throws(SystemError) in
            try begin(&state, .open, "open", path)
            let life = state.life
            if let inode = Self.find(path, state) {
                if case .createNew = mode {
                    throw SystemError(call: "open", errno: SystemError.eexist, subject: path)
                }
                Self.opened(inode, &state)
                return SimulatedFile(disk: self, inode: inode, life: life, path: path)
            }
            switch mode {
            case .read, .readWrite: throw missing("open", path)
            case .create, .createNew: break
            }
            let inode = state.nextInode
            let (parent, name) = Self.split(path)
            try withDirectory(parent, "open", &state) { (directory, state) throws(SystemError) in
                directory.apply(.link(name, inode))
                state.inodes[inode] = .file(SimulatedFileData())
                state.nextInode += 1
            }
            Self.opened(inode, &state)
            return SimulatedFile(disk: self, inode: inode, life: life, path: path)
        }
    }

    package func createDirectory(_ path: String) throws(SystemError) {
        try state.withLock { (state) throws(SystemError) in
            try begin(&state, .name, "mkdir", path)
            if Self.find(path, state) != nil { return }
            let inode = state.nextInode
            let (parent, name) = Self.split(path)
            try withDirectory(parent, "mkdir", &state) { (directory, state) throws(SystemError) in
                directory.apply(.link(name, inode))
                state.inodes[inode] = .directory(SimulatedDirectoryData())
                state.nextInode += 1
            }
        }
    }

    package func list(_ path: String) throws(SystemError) -> [String] {
        try state.withLock { (state) throws(SystemError) in
            try begin(&state, .look, "readdir", path)
            guard let inode = Self.find(path, state),
                case .directory(let directory) = state.inodes[inode]
            else { throw missing("opendir", path) }
            return directory.names.keys.sorted()
        }
    }

    package func entry(_ path: String) throws(SystemError) -> DiskEntry? {
        try state.withLock { (state) throws(SystemError) in
            try begin(&state, .look, "stat", path)
            guard let inode = Self.find(path, state) else { return nil }
            switch state.inodes[inode]! {
            case .file(let file): return .file(size: Int64(file.cached.count))
            case .directory: return .directory
            }
        }
    }

    package func rename(_ from: String, to: String) throws(SystemError) {
        try state.withLock { (state) throws(SystemError) in
            try begin(&state, .name, "rename", from)
            let (parent, name) = Self.split(from)
            let (newParent, newName) = Self.split(to)
            precondition(parent == newParent, "moves between directories are not simulated")
            guard let inode = Self.find(from, state) else { throw missing("rename", from) }
            if let target = Self.find(to, state),
                case .directory(let directory) = state.inodes[target]!, !directory.names.isEmpty
            {
                throw SystemError(call: "rename", errno: SystemError.enotempty, subject: to)
            }
            try withDirectory(parent, "rename", &state) { (directory, _) throws(SystemError) in
                directory.apply(.rename(from: name, to: newName, inode))
            }
        }
    }

    package func remove(_ path: String) throws(SystemError) {
        try state.withLock { (state) throws(SystemError) in
            try begin(&state, .name, "unlink", path)
            guard Self.find(path, state) != nil else { throw missing("unlink", path) }
            let (parent, name) = Self.split(path)
            try withDirectory(parent, "unlink", &state) { (directory, _) throws(SystemError) in
                directory.apply(.unlink(name))
            }
        }
    }

    package func removeDirectory(_ path: String) throws(SystemError) {
        try state.withLock { (state) throws(SystemError) in
            try begin(&state, .name, "rmdir", path)
            guard let inode = Self.find(path, state),
                case .directory(let inner) = state.inodes[inode]
            else { throw missing("rmdir", path) }
            guard inner.names.isEmpty else {
                throw SystemError(call: "rmdir", errno: SystemError.enotempty, subject: path)
            }
            let (parent, name) = Self.split(path)
            try withDirectory(parent, "rmdir", &state) { (directory, _) throws(SystemError) in
                directory.apply(.unlink(name))
            }
        }
    }

    package func syncDirectory(_ path: String) throws(SystemError) {
        try state.withLock { (state) throws(SystemError) in
            try begin(&state, .syncDirectory, "fsync", path)
            try withDirectory(path, "fsync", &state) { (directory, _) throws(SystemError) in
                directory.sync()
            }
        }
    }

    package func freeBytes(_ path: String) throws(SystemError) -> Int64 {
        try state.withLock { (state) throws(SystemError) in
            try begin(&state, .look, "statvfs", path)
            guard let capacity = state.capacity else { return Int64.max }
            return Int64(max(0, capacity - Self.used(state)))
        }
    }

    package func lock(_ path: String) throws(SystemError) -> (any DiskFile)? {
        let file = try open(path, .create)
        guard let simulated = file as? SimulatedFile else { preconditionFailure("not ours") }
        return state.withLock { state in
            if state.locked[path] != nil { return nil }
            state.locked[path] = state.life
            simulated.holdsLock.withLock { $0 = true }
            return file
        }
    }

    private static func used(_ state: State) -> Int {
        // Only what has a name takes space; an open file without one is not simulated here.
        var sum = 0
        func walk(_ inode: Int) {
            switch state.inodes[inode]! {
            case .file(let file): sum += file.cached.count
            case .directory(let directory): for child in directory.names.values { walk(child) }
            }
        }
        walk(0)
        return sum
    }

    // MARK: Files

    private static func opened(_ inode: Int, _ state: inout State) {
        state.open += 1
        state.openPeak = max(state.openPeak, state.open)
        state.openByInode[inode, default: 0] += 1
    }

    fileprivate func closed(_ file: SimulatedFile) {
        state.withLock { state in
            state.open -= 1
            let left = (state.openByInode[file.inode] ?? 1) - 1
            state.openByInode[file.inode] = left == 0 ? nil : left
            if left == 0, file.life == state.life, case .file(let data)? = state.inodes[file.inode],
                data.hasUnsynced
            {
                state.unsyncedCloses.append(file.path)
            }
        }
    }

    fileprivate func unlock(_ path: String, life: Int) {
        state.withLock { state in
            if state.locked[path] == life { state.locked[path] = nil }
        }
    }

    fileprivate func size(_ file: SimulatedFile) throws(SystemError) -> Int64 {
        try withFile(file, .look, "fstat") { (data, _) in Int64(data.cached.count) }
    }

    fileprivate func read(
        _ file: SimulatedFile, into buffer: UnsafeMutableRawBufferPointer, at position: Int64
    ) throws(SystemError) -> Int {
        try withFile(file, .read, "pread") { (data, _) in
            let start = min(Int(position), data.cached.count)
            let count = min(buffer.count, data.cached.count - start)
            data.cached[start..<start + count].withUnsafeBytes { buffer.copyMemory(from: $0) }
            return count
        }
    }

    fileprivate func write(
        _ file: SimulatedFile, _ bytes: UnsafeRawBufferPointer, at position: Int64
    ) throws(SystemError) {
        var room = Int.max
        do throws(SystemError) {
            try state.withLock { (state) throws(SystemError) in
                try begin(&state, .write, "pwrite", file.path)
                if let capacity = state.capacity, case .file(let data)? = state.inodes[file.inode] {
                    let growth = max(0, Int(position) + bytes.count - data.cached.count)
                    let free = max(0, capacity - Self.used(state))
                    if growth > free { room = bytes.count - growth + free }
                }
            }
        } catch {
            // A write that fails has written some part.
            room = -1
            shorten(file, bytes, at: position, bytesMax: bytes.count)
            throw error
        }
        if room < bytes.count {
            shorten(file, bytes, at: position, bytesMax: max(0, room))
            throw SystemError(call: "pwrite", errno: SystemError.enospc, subject: file.path)
        }
        try change(file) { data, _ in data.write(bytes, at: Int(position)) }
    }

    private func shorten(
        _ file: SimulatedFile, _ bytes: UnsafeRawBufferPointer, at position: Int64, bytesMax: Int
    ) {
        state.withLock { state in
            guard file.life == state.life, !Self.wasDead(state),
                case .file(var data)? = state.inodes[file.inode]
            else { return }
            let count = state.generator.int(0...min(bytesMax, bytes.count))
            data.write(UnsafeRawBufferPointer(rebasing: bytes[..<count]), at: Int(position))
            state.inodes[file.inode] = .file(data)
        }
    }

    fileprivate func truncate(_ file: SimulatedFile, to size: Int64) throws(SystemError) {
        try withFile(file, .truncate, "ftruncate") { data, _ in data.truncate(to: Int(size)) }
    }

    fileprivate func sync(_ file: SimulatedFile) throws(SystemError) {
        do throws(SystemError) {
            try withFile(file, .sync, "fdatasync") { data, _ in data.sync() }
        } catch {
            if !state.withLock({ Self.wasDead($0) }) {
                try change(file) { data, generator in data.failSync(&generator) }
            }
            throw error
        }
    }

    fileprivate func dropCache(_ file: SimulatedFile) throws(SystemError) {
        try withFile(file, .look, "posix_fadvise") { data, _ in data.dropCache() }
    }

    private func withFile<Result>(
        _ file: SimulatedFile, _ kind: Kind, _ call: String,
        _ body: (inout SimulatedFileData, inout Generator) -> Result
    ) throws(SystemError) -> Result {
        try state.withLock { (state) throws(SystemError) in
            try begin(&state, kind, call, file.path)
            return try Self.change(file, &state, body)
        }
    }

    private func change(
        _ file: SimulatedFile, _ body: (inout SimulatedFileData, inout Generator) -> Void
    ) throws(SystemError) {
        try state.withLock { (state) throws(SystemError) in try Self.change(file, &state, body) }
    }

    private static func change<Result>(
        _ file: SimulatedFile, _ state: inout State,
        _ body: (inout SimulatedFileData, inout Generator) -> Result
    ) throws(SystemError) -> Result {
        guard file.life == state.life else {
            throw SystemError(call: "(process gone)", errno: SystemError.eio, subject: file.path)
        }
        guard case .file(var data)? = state.inodes[file.inode] else {
            throw SystemError(call: "open", errno: SystemError.eio, subject: file.path)
        }
        // The table's copy goes first, or every change would copy the whole file.
        state.inodes[file.inode] = .directory(SimulatedDirectoryData())
        let result = body(&data, &state.generator)
        state.inodes[file.inode] = .file(data)
        return result
    }
}

/// An open file of a `SimulatedDisk`; dead after its process is.
package final class SimulatedFile: DiskFile {
    package let path: String
    fileprivate let disk: SimulatedDisk
    fileprivate let inode: Int
    fileprivate let life: Int
    fileprivate let holdsLock = Lock(false)

    fileprivate init(disk: SimulatedDisk, inode: Int, life: Int, path: String) {
        self.disk = disk
        self.inode = inode
        self.life = life
        self.path = path
    }

    deinit {
        disk.closed(self)
        if holdsLock.withLock({ $0 }) { disk.unlock(path, life: life) }
    }

    package func size() throws(SystemError) -> Int64 { try disk.size(self) }

    package func read(
        into buffer: UnsafeMutableRawBufferPointer, at position: Int64
    ) throws(SystemError) -> Int {
        try disk.read(self, into: buffer, at: position)
    }

    package func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(SystemError) {
        try disk.write(self, bytes, at: position)
    }

    package func truncate(to size: Int64) throws(SystemError) { try disk.truncate(self, to: size) }
    package func syncData() throws(SystemError) { try disk.sync(self) }
    package func dropCache() throws(SystemError) { try disk.dropCache(self) }
}
