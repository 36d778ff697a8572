package import VarvePlatform

/// The operations of a disk: each is counted, may fail, and changes what the cache shows.
extension SimulatedDisk: Disk {
    // MARK: Paths

    static func split(_ path: String) -> (parent: String, name: String) {
        let slash = path.lastIndex(of: "/")!
        return (String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    static func find(_ path: String, _ state: State) -> Int? {
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
    func begin(
        _ state: inout State, _ kind: Kind, _ call: String, _ path: String
    ) throws(SystemError) {
        let number = state.operations
        state.operations += 1
        state.counts[kind, default: 0] += 1
        state.log?.append("\(number) \(call) \(path)")
        if let erasure = state.erasure, erasure.operation == number {
            state.erasure = nil
            Self.erase(erasure.path, &state)
        }
        if let deathAt = state.deathAt, number >= deathAt {
            throw SystemError(call: call + " (process gone)", errno: SystemError.eio, subject: path)
        }
        guard let fault = state.fault, state.faultKinds?.contains(kind) ?? true else { return }
        if number == fault.operation
            || fault.isLasting && number > fault.operation && kind.isChange
        {
            state.faultsMet += 1
            throw SystemError(call: call, errno: fault.errno, subject: path)
        }
    }

    /// Whether the process was gone before the operation that has just failed: then it did
    /// nothing at all.
    static func wasDead(_ state: State) -> Bool {
        state.deathAt.map { state.operations - 1 > $0 } ?? false
    }

    func missing(_ call: String, _ path: String) -> SystemError {
        SystemError(call: call, errno: SystemError.enoent, subject: path)
    }

    func withDirectory(
        _ path: String, _ call: String, _ state: inout State,
        _ body: (inout SimulatedDirectoryData, inout State) throws(SystemError) -> Void
    ) throws(SystemError) {
        guard let inode = Self.find(path, state), case .directory(var data) = state.inodes[inode]
        else { throw missing(call, path) }
        try body(&data, &state)
        state.inodes[inode] = .directory(data)
    }

    package func open(_ path: String, _ mode: DiskOpenMode) throws(SystemError) -> any DiskFile {
        var isNew = false
        let file = try state.withLock { (state) throws(SystemError) in
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
                state.inodes[inode] = .file(SimulatedFileData(sectorBytes: sectorBytes))
                state.nextInode += 1
            }
            isNew = true
            Self.opened(inode, &state)
            return SimulatedFile(disk: self, inode: inode, life: life, path: path)
        }
        if isNew { changed() }
        return file
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
        changed()
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
            case .file(let file): return .file(size: Int64(file.size))
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
        changed()
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
        changed()
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
        changed()
    }

    package func syncDirectory(_ path: String) throws(SystemError) {
        try state.withLock { (state) throws(SystemError) in
            try begin(&state, .syncDirectory, "fsync", path)
            try withDirectory(path, "fsync", &state) { (directory, _) throws(SystemError) in
                directory.sync()
            }
        }
        changed()
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

    static func used(_ state: State) -> Int {
        // Only what has a name takes space; an open file without one is not simulated here.
        var sum = 0
        func walk(_ inode: Int) {
            switch state.inodes[inode]! {
            case .file(let file): sum += file.size
            case .directory(let directory): for child in directory.names.values { walk(child) }
            }
        }
        walk(0)
        return sum
    }
}
