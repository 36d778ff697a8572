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
            var verdicts = [Verdict](repeating: .delivered, count: batch.count)
            for (day, indices) in Self.days(of: batch) {
                let verdict = store(batch, indices, of: day)
                if verdict == .delivered { continue }
                for index in indices { verdicts[index] = verdict }
            }
            return verdicts
        }
    }

    /// Which events go into the files of which partition and day, by their places in the batch.
    private static func days(of batch: [Event]) -> [Day: [Int]] {
        var days: [Day: [Int]] = [:]
        var start = 0
        // Neighbours are mostly of one partition and day: a run of them is looked up once.
        while start < batch.count {
            let (topic, partition) = (batch[start].topic, batch[start].partition)
            let number = Timestamp.dayNumber(milliseconds: batch[start].timestamp)
            var end = start + 1
            while end < batch.count, batch[end].partition == partition,
                Timestamp.dayNumber(milliseconds: batch[end].timestamp) == number,
                batch[end].topic == topic
            {
                end += 1
            }
            let date = Timestamp.date(milliseconds: batch[start].timestamp)
            days[Day(topic: topic, partition: partition, date: date), default: []] += start..<end
            start = end
        }
        return days
    }

    package func assigned(topic: String, partition: Int32) async {
        known.withLock { known in
            known = known.filter { $0.key.topic != topic || $0.key.partition != partition }
        }
    }

    private func store(_ batch: [Event], _ indices: [Int], of day: Day) -> Verdict {
        guard WorkerConfiguration.isTopicName(day.topic) else {
            return .deadLetter("'\(day.topic)' cannot be a directory")
        }
        do throws(ArchiveError) {
            try write(batch, indices, of: day)
            return .delivered
        } catch {
            // What is known may be wrong now: look again at the next try.
            known.withLock { $0[day] = nil }
            if case .disk(let error) = error, error.isRefused { return .pause("\(error)") }
            return .retry("\(error)")
        }
    }

    private func path(of day: Day) -> String { "\(directory)/\(day.topic)/date=\(day.date)" }

    private func write(
        _ batch: [Event], _ indices: [Int], of day: Day
    ) throws(ArchiveError) {
        let path = path(of: day)
        let existing = try files(of: day)
        var fresh = Self.inOrder(indices, of: batch)
        let range = batch[fresh[0]].offset...batch[fresh[fresh.count - 1]].offset

        // Offsets that some file holds are done; their lines are kept for a file to be replaced.
        var stored: [ArchiveFile: [(offset: Int64, line: ByteSlice)]] = [:]
        var done: Set<Int64> = []
        for file in existing where file.overlaps(range) {
            guard let found = try read(file, in: path, day) else { continue }
            stored[file] = found
            done.formUnion(found.lazy.map(\.offset))
        }
        if !done.isEmpty { fresh.removeAll { done.contains(batch[$0].offset) } }
        guard let first = fresh.first, let last = fresh.last else { return }

        let file = ArchiveFile(
            topic: day.topic, partition: day.partition, first: batch[first].offset,
            last: batch[last].offset)
        let kept = (stored[file] ?? []).sorted { $0.offset < $1.offset }
        try publish(file, in: path) { (frame) throws(ArchiveError) in
            let head = ArchiveLine.head(topic: day.topic, partition: day.partition)
            var next = kept[...]
            for index in fresh {
                while let line = next.first, line.offset < batch[index].offset {
                    try frame.append { $0.bytes(line.line) }
                    next.removeFirst()
                }
                try frame.append { ArchiveLine.append(batch[index], head, to: &$0) }
            }
            for line in next { try frame.append { $0.bytes(line.line) } }
        }
        known.withLock { _ = $0[day]?.insert(file) }
    }

    /// The places in the order of their events' offsets, each offset once. The last event of an
    /// offset counts.
    private static func inOrder(_ indices: [Int], of batch: [Event]) -> [Int] {
        let grows = zip(indices, indices.dropFirst()).allSatisfy {
            batch[$0].offset < batch[$1].offset
        }
        if grows { return indices }
        var last: [Int64: Int] = [:]
        for index in indices { last[batch[index].offset] = index }
        return last.sorted { $0.key < $1.key }.map(\.value)
    }

    private func publish(
        _ file: ArchiveFile, in path: String,
        _ lines: (inout ArchiveFrame) throws(ArchiveError) -> Void
    ) throws(ArchiveError) {
        let aside = "\(path)/\(file.asideName)"
        let target: any DiskFile
        do throws(SystemError) {
            // A fresh file at every try: what a failed write or sync left behind is not trusted.
            if try disk.entry(aside) != nil { try disk.remove(aside) }
            target = try disk.open(aside, .createNew)
        } catch { throw .disk(error) }
        var frame = try ArchiveFrame(target)
        try lines(&frame)
        try frame.finish()
        do throws(SystemError) {
            try target.syncData()
            try disk.rename(aside, to: "\(path)/\(file.name)")
            try disk.syncDirectory(path)
        } catch { throw .disk(error) }
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
