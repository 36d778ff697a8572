package import VarvePlatform

/// A disk that shows another one and keeps every change to itself: what is run on it sees its own
/// writes, new names and removals, and the disk below stays as it is, to the byte.
///
/// Changed pages go to a scratch file, so that memory stays bounded however much is rewritten
/// (I8). Syncs do nothing. Locks are taken on the disk below, where there is a file to lock.
package final class OverlayDisk: Disk {
    private enum Node {
        case file(OverlayData)
        /// Made here; nothing of the disk below shows through.
        case directory
        case gone
    }

    private let below: any Disk
    private let scratch: OverlayScratch
    private let nodes = Lock<[String: Node]>([:])

    /// - Parameter scratch: an empty file that nobody else uses.
    package init(over below: any Disk, scratch: any DiskFile) {
        self.below = below
        self.scratch = OverlayScratch(file: scratch)
    }

    /// Paths that were made, changed or removed, sorted.
    package var changes: [String] {
        nodes.withLock { nodes in
            nodes.filter { _, node in
                if case .file(let data) = node { data.isChanged } else { true }
            }.keys.sorted()
        }
    }

    // MARK: Names

    /// The node at `path`; nil where the disk below decides.
    private func node(_ path: String, _ nodes: [String: Node]) -> Node? {
        if let node = nodes[path] { return node }
        var parent = path[...]
        while let slash = parent.lastIndex(of: "/"), slash > parent.startIndex {
            parent = parent[..<slash]
            switch nodes[String(parent)] {
            case .gone, .directory: return .gone
            case .file, nil: break
            }
        }
        return nil
    }

    /// The file at `path` as this disk has it, brought up from below where need be.
    private func data(
        _ path: String, _ nodes: inout [String: Node]
    ) throws(SystemError) -> OverlayData? {
        switch node(path, nodes) {
        case .file(let data): return data
        case .directory, .gone: return nil
        case nil:
            guard case .file(let size)? = try below.entry(path) else { return nil }
            let data = OverlayData(path: path, size: size, below: below, scratch: scratch)
            nodes[path] = .file(data)
            return data
        }
    }

    private func missing(_ call: String, _ path: String) -> SystemError {
        SystemError(call: call, errno: SystemError.enoent, subject: path)
    }

    package func open(_ path: String, _ mode: DiskOpenMode) throws(SystemError) -> any DiskFile {
        try nodes.withLock { (nodes) throws(SystemError) in
            if let data = try data(path, &nodes) {
                if mode == .createNew {
                    throw SystemError(call: "open", errno: SystemError.eexist, subject: path)
                }
                return OverlayFile(path: path, data: data)
            }
            switch mode {
            case .read, .readWrite: throw missing("open", path)
            case .create, .createNew: break
            }
            let parent = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
            guard try entry(parent, nodes) == .directory else { throw missing("open", path) }
            let data = OverlayData(scratch: scratch)
            nodes[path] = .file(data)
            return OverlayFile(path: path, data: data)
        }
    }

    package func createDirectory(_ path: String) throws(SystemError) {
        try nodes.withLock { (nodes) throws(SystemError) in
            if try entry(path, nodes) == nil { nodes[path] = .directory }
        }
    }

    package func list(_ path: String) throws(SystemError) -> [String] {
        try nodes.withLock { (nodes) throws(SystemError) in
            guard try entry(path, nodes) == .directory else { throw missing("opendir", path) }
            var names: Set<String> = []
            if node(path, nodes) == nil { names = Set(try below.list(path)) }
            let prefix = path + "/"
            for (inner, node) in nodes where inner.hasPrefix(prefix) {
                let name = String(inner.dropFirst(prefix.count))
                guard !name.contains("/") else { continue }
                if case .gone = node { names.remove(name) } else { names.insert(name) }
            }
            return names.sorted()
        }
    }

    package func entry(_ path: String) throws(SystemError) -> DiskEntry? {
        try nodes.withLock { (nodes) throws(SystemError) in try entry(path, nodes) }
    }

    private func entry(
        _ path: String, _ nodes: [String: Node]
    ) throws(SystemError) -> DiskEntry? {
        switch node(path, nodes) {
        case .file(let data): return .file(size: data.size)
        case .directory: return .directory
        case .gone: return nil
        case nil: return try below.entry(path)
        }
    }

    package func rename(_ from: String, to: String) throws(SystemError) {
        try nodes.withLock { (nodes) throws(SystemError) in
            if let data = try data(from, &nodes) {
                data.noteChange()
                nodes[to] = .file(data)
                nodes[from] = .gone
                return
            }
            throw SystemError(call: "rename", errno: SystemError.enoent, subject: from)
        }
    }

    package func remove(_ path: String) throws(SystemError) {
        try nodes.withLock { (nodes) throws(SystemError) in
            guard try data(path, &nodes) != nil else { throw missing("unlink", path) }
            nodes[path] = .gone
        }
    }

    package func removeDirectory(_ path: String) throws(SystemError) {
        guard try list(path).isEmpty else {
            throw SystemError(call: "rmdir", errno: SystemError.enotempty, subject: path)
        }
        nodes.withLock { $0[path] = .gone }
    }

    package func syncDirectory(_ path: String) throws(SystemError) {
        guard try entry(path) == .directory else { throw missing("open", path) }
    }

    package func freeBytes(_ path: String) throws(SystemError) -> Int64 {
        try below.freeBytes(path)
    }

    package func lock(_ path: String) throws(SystemError) -> (any DiskFile)? {
        var held: (any DiskFile)?
        if try below.entry(path) != nil {
            held = try below.lock(path)
            if held == nil { return nil }
        }
        guard let file = try open(path, .create) as? OverlayFile else {
            preconditionFailure("open made another type")
        }
        file.hold(held)
        return file
    }
}
