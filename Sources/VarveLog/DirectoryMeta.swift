internal import VarvePlatform

/// The `meta.json` file: `{"format": 2, "clusterId": "<22 characters>", "nodeId": 1}`.
struct DirectoryMeta {
    /// Raised when a directory this version writes cannot be read by an older one: 1 had no
    /// journal, and a version that knows none would leave there what was acknowledged.
    static let format = 2

    var format = Self.format
    let clusterID: UniqueID
    let nodeID: Int32

    /// The directory's, made where there is none; of an older format, raised to this one.
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
        var meta = DirectoryMeta(clusterID: .random(), nodeID: nodeID)
        if let found {
            meta = try parse(found, path).get()
            guard meta.format < format else { return meta }
            meta.format = format
        }
        do throws(SystemError) {
            try disk.replace(path, with: meta.bytes, inDirectory: directory)
            return meta
        } catch {
            throw LogError(error)
        }
    }

    private var bytes: ByteSlice {
        let json = JSON.object([
            ("format", .int(Int64(format))), ("clusterId", .string("\(clusterID)")),
            ("nodeId", .int(Int64(nodeID))),
        ])
        return ByteSlice(json.text(indent: true) + "\n")
    }

    /// `.corrupt`, `.newerFormat` where it cannot be used.
    static func parse(
        _ bytes: ByteSlice, _ path: String
    ) -> Result<DirectoryMeta, LogError> {
        do throws(JSONError) {
            let json = try JSON(parsing: bytes)
            guard let found = json["format"]?.int, found >= 1 else {
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
            return .success(
                DirectoryMeta(format: Int(found), clusterID: id, nodeID: nodeID))
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
