package import VarvePlatform

extension Disk {
    /// Makes a directory and those above it where they are missing; durable on return.
    package func createDirectories(_ path: String) throws(SystemError) {
        if try entry(path) != nil { return }
        let parent = Self.parent(of: path)
        if let parent { try createDirectories(parent) }
        try createDirectory(path)
        try syncDirectory(parent ?? ".")
    }

    /// The directory that `path` stands in; nil for a bare name.
    package static func parent(of path: String) -> String? {
        let trimmed = path.hasSuffix("/") ? path.dropLast() : path[...]
        guard let slash = trimmed.lastIndex(of: "/") else { return nil }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }
}
