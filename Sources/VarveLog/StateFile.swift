package import VarvePlatform

/// A small file in the data directory that is always replaced whole: what the broker itself must
/// remember over restarts (its changed settings, the quotas of its clients).
///
///     line 1: "varve-state 1 " and the CRC-32C of all that follows, in hexadecimal
///     from line 2 on: the content
///
/// Thread-safe, but replacing is the caller's to order.
package struct StateFile: Sendable {
    private static let magic = "varve-state 1 "
    /// Far above what such a file grows to, and little memory (I8).
    package static let bytesMax = 16 << 20

    package let path: String
    private let name: String
    private let directory: String
    private let disk: any Disk

    /// - Parameter directory: the data directory.
    init(name: String, directory: String, disk: any Disk) {
        path = directory + "/" + name
        self.name = name
        self.directory = directory
        self.disk = disk
    }

    /// What was last written; nil when nothing ever was.
    /// - Throws: `.corrupt` where the checksum does not match, `.io`.
    package func read() throws(LogError) -> ByteSlice? {
        let bytes: ByteSlice
        do throws(SystemError) {
            guard try disk.entry(path) != nil else { return nil }
            bytes = try disk.readAll(path, bytesMax: Self.bytesMax + 64)
        } catch {
            throw LogError(error)
        }
        guard let content = Self.content(of: bytes) else {
            throw .corrupt(path: path, position: 0, reason: "its checksum does not match")
        }
        return content
    }

    /// Replaces the content. Durable on return; after a crash it is the old or the new.
    /// - Throws: `.full`, `.io`; the old content stays then.
    package func replace(with content: ByteSlice) throws(LogError) {
        let checksum = content.withUnsafeBytes { CRC32C.checksum($0) }
        var writer = ByteWriter(capacity: content.count + 32)
        writer.utf8(Self.magic + String(checksum, radix: 16) + "\n")
        writer.bytes(content)
        do throws(SystemError) {
            try disk.replace(path, with: writer.finish(), inDirectory: directory)
        } catch {
            throw LogError(error)
        }
    }

    /// Moves a damaged file into quarantine (I7), so that the next start finds none. Durable on
    /// return. Returns its new path.
    /// - Parameter now: wall clock, ms since 1970.
    package func setAside(now: Int64) throws(LogError) -> String {
        let aside = directory + "/quarantine/\(name)-\(now)"
        do throws(SystemError) {
            // A copy first: a power cut leaves the file there, or in quarantine, or in both.
            try disk.replace(
                aside, with: try disk.readAll(path, bytesMax: Self.bytesMax + 64),
                inDirectory: directory + "/quarantine")
            try disk.remove(path)
            try disk.syncDirectory(directory)
        } catch {
            throw LogError(error)
        }
        return aside
    }

    private static func content(of bytes: ByteSlice) -> ByteSlice? {
        // The checksum's digits follow the magic, eight at most.
        let head = bytes[..<min(bytes.count, magic.utf8.count + 9)]
        guard let end = head.array.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let line = bytes[..<end].string
        guard line.hasPrefix(magic), let sum = UInt32(line.dropFirst(magic.count), radix: 16)
        else { return nil }
        let content = bytes[(end + 1)...]
        return content.withUnsafeBytes { CRC32C.checksum($0) } == sum ? content : nil
    }
}

extension DataDirectory {
    /// The directory's file `name`.
    package func stateFile(_ name: String) -> StateFile {
        StateFile(name: name, directory: path, disk: store.disk)
    }

    /// How many bytes the directory's file system has, and how many of them are free; nil where it
    /// does not tell.
    package var space: (total: Int64, free: Int64)? {
        do throws(SystemError) {
            guard let total = try store.disk.totalBytes(path) else { return nil }
            return (total, try store.disk.freeBytes(path))
        } catch {
            store.logger?.warning("the file system does not tell its space", ["error": error])
            return nil
        }
    }
}
