internal import VarveDelivery
internal import VarvePlatform
internal import VarveRecords

/// A replay into a new file. It is written aside and takes its name when it is whole and synced.
final class ReplayFile: ReplayTarget {
    private struct Writing {
        let file: any DiskFile
        var position: Int64 = 0
    }
    private let path: String
    private let format: RecordFormat
    private let disk = PosixDisk()
    private let writing = Lock<Writing?>(nil)

    init(path: String, format: RecordFormat) {
        self.path = path
        self.format = format
    }

    var description: String { path }
    private var aside: String { path + ".partial" }
    private var directory: String {
        path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }

    func begin() async throws(CommandError) {
        do throws(SystemError) {
            let isThere = try disk.entry(path) != nil
            if !isThere {
                let file = try disk.open(aside, .create)
                try file.truncate(to: 0)
                writing.withLock { $0 = Writing(file: file) }
                return
            }
        } catch {
            throw .failed("\(error)")
        }
        throw .failed("\(path) exists already and was left as it is")
    }

    func deliver(_ events: [Event]) async throws(CommandError) -> ReplayOutcome {
        var text = ByteWriter()
        for event in events {
            let record = Record(
                offset: event.offset, timestamp: event.timestamp, key: event.key,
                value: event.value, headers: event.headers)
            text.bytes(format.bytes(record, topic: event.topic, partition: event.partition))
        }
        let bytes = text.finish()
        do throws(SystemError) {
            try writing.withLock { (writing) throws(SystemError) in
                guard let position = writing?.position, let file = writing?.file else { return }
                try bytes.withUnsafeBytes { (bytes) throws(SystemError) in
                    try file.write(bytes, at: position)
                }
                writing?.position += Int64(bytes.count)
            }
        } catch {
            throw .failed("\(error)")
        }
        return ReplayOutcome(delivered: Int64(events.count))
    }

    func end() async throws(CommandError) {
        do throws(SystemError) {
            try writing.withLock { (writing) throws(SystemError) in
                try writing?.file.syncData()
                writing = nil
            }
            try disk.rename(aside, to: path)
            try disk.syncDirectory(directory)
        } catch {
            throw .failed("\(error)")
        }
    }

    func abandon() async {
        writing.withLock { $0 = nil }
        do throws(SystemError) {
            try disk.remove(aside)
        } catch {
            if !error.isMissing { Output.error("varve: \(error)") }
        }
    }
}
