package import VarvePlatform
internal import VarveRecords

/// Delivers into files: NDJSON in LZ4 frames, by topic, day, partition and offset range.
///
/// An event counts as delivered when its file has been written aside, synced, renamed and the
/// directory synced. After a crash between that and the commit of its offset the event comes
/// again, usually in a batch that is cut elsewhere. So that nothing is stored twice (D4) the sink
/// looks which files of that partition and day reach into the batch, reads which offsets they
/// really hold, and writes only the others; nothing depends on how batches are cut. Files never
/// change, except that one whose name would be the same is replaced by the union of both.
///
/// This holds while one worker at a time delivers a partition, which the consumer group sees to. A
/// worker that was stopped in the middle of a write for longer than its session, and then goes
/// on, can leave a second file with events of the first.
package final class ArchiveSink: Sink {
    /// The files of one partition and day.
    private struct Day: Hashable {
        let topic: String
        let partition: Int32
        let date: String
    }

    private let directory: String
    private let disk: any Disk
    private let logger: Logger
    private let work = BlockingWork("archive")
    /// The files there are, as far as they were looked at since this worker owns the partition.
    private let known = Lock<[Day: Set<ArchiveFile>]>([:])

    package init(_ configuration: ArchiveConfiguration, disk: any Disk, logger: Logger) {
        let path = configuration.directory
        directory = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        self.disk = disk
        self.logger = logger
    }

    package func deliver(_ batch: [Event]) async -> [Verdict] {
        await work.run { [self] in
            var groups: [Day: [Int]] = [:]
            for (index, event) in batch.enumerated() {
                let date = Timestamp.date(milliseconds: event.timestamp)
                groups[Day(topic: event.topic, partition: event.partition, date: date), default: []]
                    .append(index)
            }
            var verdicts = [Verdict](repeating: .delivered, count: batch.count)
            for (day, indices) in groups {
                let verdict = store(indices.map { batch[$0] }, of: day)
                for index in indices { verdicts[index] = verdict }
            }
            return verdicts
        }
    }

    package func assigned(topic: String, partition: Int32) async {
        known.withLock { known in
            known = known.filter { $0.key.topic != topic || $0.key.partition != partition }
        }
    }

    private func store(_ events: [Event], of day: Day) -> Verdict {
        guard WorkerConfiguration.isTopicName(day.topic) else {
            return .deadLetter("'\(day.topic)' cannot be a directory")
        }
        do throws(ArchiveError) {
            try write(events.sorted { $0.offset < $1.offset }, of: day)
            return .delivered
        } catch {
            // What is known may be wrong now: look again at the next try.
            known.withLock { $0[day] = nil }
            if case .disk(let error) = error, error.isRefused { return .pause("\(error)") }
            return .retry("\(error)")
        }
    }

    private func path(of day: Day) -> String { "\(directory)/\(day.topic)/date=\(day.date)" }

    private func write(_ events: [Event], of day: Day) throws(ArchiveError) {
        let path = path(of: day)
        let existing = try files(of: day)
        var lines: [Int64: ByteSlice] = [:]
        for event in events { lines[event.offset] = ArchiveLine.make(event) }

        // Offsets that some file holds are done; their lines are kept for a file to be replaced.
        var stored: [ArchiveFile: [(offset: Int64, line: ByteSlice)]] = [:]
        let range = events[0].offset...events[events.count - 1].offset
        for file in existing where file.overlaps(range) {
            guard let found = try read(file, in: path, day) else { continue }
            stored[file] = found
            for (offset, _) in found { lines[offset] = nil }
        }
        guard let first = lines.keys.min(), let last = lines.keys.max() else { return }

        let file = ArchiveFile(
            topic: day.topic, partition: day.partition, first: first, last: last)
        for (offset, line) in stored[file] ?? [] { lines[offset] = line }
        var text = ByteWriter(capacity: lines.values.reduce(0) { $0 + $1.count })
        for offset in lines.keys.sorted() { text.bytes(lines[offset]!) }
        let frame: ByteSlice
        do throws(RecordError) {
            frame = try CompressionCodec.lz4.compress(text.finish())
        } catch { throw .compression("\(error)") }
        do throws(SystemError) {
            try publish(frame, as: file, in: path)
        } catch { throw .disk(error) }
        known.withLock { _ = $0[day]?.insert(file) }
    }

    private func publish(
        _ bytes: ByteSlice, as file: ArchiveFile, in path: String
    ) throws(SystemError) {
        let aside = "\(path)/\(file.asideName)"
        // A fresh file at every try: what a failed write or sync left behind is not trusted.
        if try disk.entry(aside) != nil { try disk.remove(aside) }
        let target = try disk.open(aside, .createNew)
        try bytes.withUnsafeBytes { (raw) throws(SystemError) in try target.write(raw, at: 0) }
        try target.syncData()
        try disk.rename(aside, to: "\(path)/\(file.name)")
        try disk.syncDirectory(path)
    }

    /// The files of a partition's day. The first look makes the day's directory, makes durable
    /// what it finds, because an earlier life may have ended after a rename and before its sync,
    /// and takes away what a crash left half written: this worker owns the partition, so nobody
    /// is writing it.
    private func files(of day: Day) throws(ArchiveError) -> Set<ArchiveFile> {
        if let files = known.withLock({ $0[day] }) { return files }
        let path = path(of: day)
        var files: Set<ArchiveFile> = []
        do throws(SystemError) {
            try disk.createDirectories(path)
            for name in try disk.list(path) {
                if let file = ArchiveFile(name: name, topic: day.topic) {
                    if file.partition == day.partition { files.insert(file) }
                } else if name.hasPrefix(".\(day.topic)-\(day.partition)-"),
                    name.hasSuffix(".tmp")
                {
                    try disk.remove("\(path)/\(name)")
                }
            }
            try disk.syncDirectory(path)
        } catch { throw .disk(error) }
        known.withLock { $0[day] = files }
        return files
    }

    /// A file's lines; nil when it is damaged, after it was set aside under another name: nothing
    /// is thrown away, and its events are written again.
    private func read(
        _ file: ArchiveFile, in path: String, _ day: Day
    ) throws(ArchiveError) -> [(offset: Int64, line: ByteSlice)]? {
        do throws(ArchiveError) {
            return try ArchiveFile.lines(of: "\(path)/\(file.name)", on: disk)
        } catch {
            guard case .damaged(_, let reason) = error else { throw error }
            let aside = "\(path)/\(file.name).damaged"
            logger.error(
                "a damaged archive file was set aside", ["path": aside, "reason": reason])
            do throws(SystemError) {
                try disk.rename("\(path)/\(file.name)", to: aside)
                try disk.syncDirectory(path)
            } catch { throw .disk(error) }
            known.withLock { _ = $0[day]?.remove(file) }
            return nil
        }
    }
}

extension SystemError {
    /// Permissions or a read-only file system: only a person can help.
    var isRefused: Bool { errno == Self.erofs || errno == Self.eacces || errno == Self.eperm }
}
