internal import VarvePlatform

/// The `meta.json` file: `{"format": 1, "clusterId": "<22 characters>", "nodeId": 1}`.
struct DirectoryMeta {
    /// Raised when a directory this version writes cannot be read by an older one.
    static let format = 1

    let clusterID: UniqueID
    let nodeID: Int32

    static func loadOrMake(
        _ directory: String, _ disk: any Disk, nodeID: Int32
    ) throws(LogError) -> DirectoryMeta {
        let path = directory + "/meta.json"
        var found: ByteSlice?
        do throws(SystemError) {
            if try disk.entry(path) != nil {
                found = try disk.readAll(path, bytesMax: 1 << 20)
            }
        } catch {
            throw LogError(error)
        }
        if let found { return try parse(found, path).get() }
        do throws(SystemError) {
            let meta = DirectoryMeta(clusterID: .random(), nodeID: nodeID)
            let json = JSON.object([
                ("format", .int(Int64(format))), ("clusterId", .string("\(meta.clusterID)")),
                ("nodeId", .int(Int64(nodeID))),
            ])
            try disk.replace(
                path, with: ByteSlice(json.text(indent: true) + "\n"), inDirectory: directory)
            return meta
        } catch {
            throw LogError(error)
        }
    }

    /// `.corrupt`, `.newerFormat` where it cannot be used.
    static func parse(
        _ bytes: ByteSlice, _ path: String
    ) -> Result<DirectoryMeta, LogError> {
        do throws(JSONError) {
            let json = try JSON(parsing: bytes)
            guard let found = json["format"]?.int else {
                return .failure(.corrupt(path: path, position: 0, reason: "no format"))
            }
            guard found <= Int64(format) else {
                return .failure(.newerFormat(path: path, found: Int(found), known: format))
            }
            guard let text = json["clusterId"]?.string, let id = UniqueID(text),
                let node = json["nodeId"]?.int, let nodeID = Int32(exactly: node)
            else {
                return .failure(
                    .corrupt(path: path, position: 0, reason: "no clusterId or nodeId"))
            }
            return .success(DirectoryMeta(clusterID: id, nodeID: nodeID))
        } catch {
            return .failure(
                .corrupt(
                path: path, position: Int64(error.position ?? 0), reason: "\(error)"))
        }
    }
}

/// The `varve.lock` file: locked by the process that has the directory, and naming it.
enum DirectoryLock {
    static func take(
        _ path: String, _ disk: any Disk, now: Int64
    ) throws(LogError) -> any DiskFile {
        do throws(SystemError) {
            if let file = try disk.lock(path) {
                let holder = ByteSlice(
                    "process \(ProcessControl.identifier) since "
                        + "\(Timestamp.text(milliseconds: now))\n")
                do throws(SystemError) {
                    try file.truncate(to: 0)
                    try holder.withUnsafeBytes { (raw) throws(SystemError) in
                        try file.write(raw, at: 0)
                    }
                } catch {
                    // A start on a full disk is held up by no name: the lock itself stands.
                    guard error.isOnlyFull else { throw error }
                }
                return file
            }
        } catch {
            throw LogError(error)
        }
        var holder = "another process"
        do throws(SystemError) {
            let text = try disk.readAll(path, bytesMax: 1024).string
            if let line = text.split(separator: "\n").first { holder = String(line) }
        } catch {
            // Who holds the lock is a help to the reader; that it is held stands already.
        }
        throw .directoryLocked(path: path, holder: holder)
    }
}
