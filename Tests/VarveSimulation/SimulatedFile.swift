package import VarvePlatform

/// An open file of a `SimulatedDisk`; dead after its process is.
package final class SimulatedFile: DiskFile {
    package let path: String
    let disk: SimulatedDisk
    let inode: Int
    let life: Int
    let holdsLock = Lock(false)

    init(disk: SimulatedDisk, inode: Int, life: Int, path: String) {
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

    package func allocate(to size: Int64) throws(SystemError) { try disk.allocate(self, to: size) }
    package func truncate(to size: Int64) throws(SystemError) { try disk.truncate(self, to: size) }
    package func syncData() throws(SystemError) { try disk.sync(self) }
    package func dropCache() throws(SystemError) { try disk.dropCache(self) }
}

extension SimulatedDisk {
    static func opened(_ inode: Int, _ state: inout State) {
        state.open += 1
        state.openPeak = max(state.openPeak, state.open)
        state.openByInode[inode, default: 0] += 1
    }

    func closed(_ file: SimulatedFile) {
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

    func unlock(_ path: String, life: Int) {
        state.withLock { state in
            if state.locked[path] == life { state.locked[path] = nil }
        }
    }

    func size(_ file: SimulatedFile) throws(SystemError) -> Int64 {
        try withFile(file, .look, "fstat") { (data, _) in Int64(data.size) }
    }

    func read(
        _ file: SimulatedFile, into buffer: UnsafeMutableRawBufferPointer, at position: Int64
    ) throws(SystemError) -> Int {
        try withFile(file, .read, "pread") { (data, _) in
            let start = min(Int(position), data.cached.count)
            let count = min(buffer.count, data.cached.count - start)
            data.cached[start..<start + count].withUnsafeBytes { buffer.copyMemory(from: $0) }
            return count
        }
    }

    func write(
        _ file: SimulatedFile, _ bytes: UnsafeRawBufferPointer, at position: Int64
    ) throws(SystemError) {
        var room = Int.max
        do throws(SystemError) {
            try state.withLock { (state) throws(SystemError) in
                try begin(&state, .write, "pwrite", file.path)
                if let capacity = state.capacity, case .file(let data)? = state.inodes[file.inode] {
                    let growth = max(0, Int(position) + bytes.count - data.size)
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
        changed()
    }

    func shorten(
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

    func allocate(_ file: SimulatedFile, to size: Int64) throws(SystemError) {
        try state.withLock { (state) throws(SystemError) in
            try begin(&state, .truncate, "posix_fallocate", file.path)
            if let capacity = state.capacity, case .file(let data)? = state.inodes[file.inode],
                Int(size) - data.size > capacity - Self.used(state)
            {
                throw SystemError(
                    call: "posix_fallocate", errno: SystemError.enospc, subject: file.path)
            }
            try Self.change(file, &state) { data, _ in data.allocate(to: Int(size)) }
        }
        changed()
    }

    func truncate(_ file: SimulatedFile, to size: Int64) throws(SystemError) {
        try withFile(file, .truncate, "ftruncate") { data, _ in data.truncate(to: Int(size)) }
        changed()
    }

    func sync(_ file: SimulatedFile) throws(SystemError) {
        var isGood = true
        do throws(SystemError) {
            isGood = try withFile(file, .sync, "fdatasync") { data, _ in data.sync() }
        } catch {
            if !state.withLock({ Self.wasDead($0) }) {
                try change(file) { data, generator in data.failSync(&generator) }
            }
            throw error
        }
        guard isGood else {
            throw SystemError(call: "fdatasync", errno: SystemError.eio, subject: file.path)
        }
        settleHandedOver()
        changed()
    }

    func dropCache(_ file: SimulatedFile) throws(SystemError) {
        try withFile(file, .look, "posix_fadvise") { data, _ in data.dropCache() }
    }

    func withFile<Result>(
        _ file: SimulatedFile, _ kind: Kind, _ call: String,
        _ body: (inout SimulatedFileData, inout Generator) -> Result
    ) throws(SystemError) -> Result {
        try state.withLock { (state) throws(SystemError) in
            try begin(&state, kind, call, file.path)
            return try Self.change(file, &state, body)
        }
    }

    func change(
        _ file: SimulatedFile, _ body: (inout SimulatedFileData, inout Generator) -> Void
    ) throws(SystemError) {
        try state.withLock { (state) throws(SystemError) in try Self.change(file, &state, body) }
    }

    static func change<Result>(
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
