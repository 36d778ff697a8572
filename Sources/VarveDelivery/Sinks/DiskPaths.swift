package import VarvePlatform

extension Disk {
    /// Makes a directory and those above it where they are missing. Durable on return, all the
    /// way up: one that is there may be an earlier life's, which ended before it synced the name.
    package func createDirectories(_ path: String) throws(SystemError) {
        var above: [String] = []
        var next = Self.parent(of: path)
        while let directory = next {
            above.append(directory)
            next = Self.parent(of: directory)
        }
        if !path.hasPrefix("/") { above.append(".") }
        for directory in above.reversed() where try entry(directory) == nil {
            try createDirectory(directory)
        }
        if try entry(path) == nil { try createDirectory(path) }
        for directory in above {
            do throws(SystemError) {
                try syncDirectory(directory)
            } catch {
                // A directory that we may not open is none that we made anything in.
                if error.isRefused { return }
                throw error
            }
        }
    }

    /// The directory that `path` stands in; nil for a bare name and for the root.
    package static func parent(of path: String) -> String? {
        let trimmed = path.count > 1 && path.hasSuffix("/") ? path.dropLast() : path[...]
        guard trimmed != "/", let slash = trimmed.lastIndex(of: "/") else { return nil }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }
}
