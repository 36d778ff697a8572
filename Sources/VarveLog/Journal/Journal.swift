internal import VarvePlatform

/// One journal for all partitions: where many have a little to make durable, it goes here, one
/// behind the other, and one sync covers it. Their segments, written already, are synced later.
///
/// Measured (ext4, 1 000 files, pieces of 1 KB): 160 000 to 226 000 pieces a second instead of
/// 72 000 to 87 000, for the same processor time.
///
///     <data>/journal/0, <data>/journal/1
///
/// Two files take turns. A partition *holds* a file from the time the journal has something of it
/// there until a sync of its segment covers that. When a file is full, the other one goes on and
/// the holders of the full one are synced; nobody holding it any more, it is written anew from its
/// start, in blocks that are on the disk already. Where both are held, segments are synced as
/// without a journal.
///
/// So whatever was acknowledged is in its segment, durable, or in the journal: before a start looks
/// at a partition, `JournalReplay` puts into its segment what that lacks. The durable mark never
/// speaks of what the journal alone has: a commit that brings a mark syncs the segment.
final class Journal: Sendable {
    static let directoryName = "journal"
    static let fileNames = ["0", "1"]
    /// More than that of one partition is worth a sync of its own.
    static let partitionBytesMax: Int64 = 16 << 10
    private static let pieceBytes = 256 << 10
    /// A file grows in steps of so much, zeros that are written over: a sync has no size to write.
    private static let stepBytes: Int64 = 1 << 20
    /// After the disk was full, so many commits go without the journal.
    private static let pauseCommits = 256

    private struct File {
        let path: String
        var file: (any DiskFile)?
        /// Of what is there, or is to be there; round 0 for nothing.
        var head = JournalFileHead(round: 0, key: 0)
        var isHeadDurable = false
        var group: UInt32 = 0
        /// The end of its entries, and of the zeros behind them.
        var end: Int64 = 0
        var zerosEnd: Int64 = 0
        /// The partitions with something here that no sync of their segment has covered.
        var holders: [ObjectIdentifier: PartitionLog] = [:]
        /// It takes nothing until its holders, who were told or cannot be, are gone.
        var isFull = false
        /// A write or sync of it has failed: it stays as it is until the next start (I6).
        var isBroken = false
        /// What an earlier life has left damaged.
        var damage: [Range<Int64>] = []
    }

    private struct State {
        var files: [File]
        var current = 0
        /// Commits that still go without the journal.
        var pause = 0
        var isStopped = false
        /// By topic and partition, what an earlier life has left; nil once that is recovered.
        var left: [String: [JournalEntry]]?
    }

    /// Where the entries of one commit go.
    private struct Place {
        let index: Int
        let file: any DiskFile
        let head: JournalFileHead
        let isHeadDurable: Bool
        let group: UInt32
        let start: Int64
        let zeros: Range<Int64>
    }

    private let path: String
    private let disk: any Disk
    private let bytesMax: Int64
    private let holdersMax: Int
    private let logger: Logger?
    private let state: Lock<State>
    /// Used by whoever commits; one at a time.
    private let buffer = Lock(ByteWriter())

    /// Reads what an earlier life has left.
    /// - Parameters:
    ///   - bytesMax: of each of the two files; 0 for no journal from now on.
    ///   - holdersMax: partitions that may hold a file: theirs are open, and stay it (I8).
    init(
        in directory: String, disk: any Disk, bytesMax: Int64, holdersMax: Int, logger: Logger?
    ) throws(SystemError) {
        path = directory + "/" + Self.directoryName
        self.disk = disk
        self.bytesMax = bytesMax
        self.holdersMax = holdersMax
        self.logger = logger
        var files: [File] = []
        var left: [String: [JournalEntry]] = [:]
        for name in Self.fileNames {
            var file = File(path: path + "/" + name)
            if let scan = try Self.scan(file.path, disk) {
                file.head = scan.head ?? file.head
                file.damage = scan.damage
                for entry in scan.entries {
                    let key = Self.key(entry.head.topic, entry.head.partition)
                    left[key, default: []].append(entry)
                }
            }
            files.append(file)
        }
        state = Lock(State(files: files, left: left))
    }

    private static func scan(
        _ path: String, _ disk: any Disk, where isWanted: (JournalEntry) -> Bool = { _ in true }
    ) throws(SystemError) -> JournalScan? {
        guard try disk.entry(path) != nil else { return nil }
        return try JournalScan(try disk.open(path, .read), where: isWanted)
    }

    private static func key(_ topic: String, _ partition: Int32) -> String {
        "\(topic)/\(partition)"
    }

    // MARK: Commits

    /// Makes durable what `commits` cover; one call at a time.
    /// - Returns: whether that is done. Where not, their segments have to be synced. And partitions
    ///   whose segments have to be synced soon, so that a file can be written anew; each file's
    ///   are told once.
    func commit(
        _ commits: [(partition: PartitionLog, work: PartitionLog.CommitWork)]
    ) -> (isDurable: Bool, due: [PartitionLog]) {
        let byteCount = commits.reduce(Int64(0)) { sum, commit in
            sum
                + Int64(
                    JournalEntry.byteCount(
                        name: commit.partition.topic.utf8.count,
                        batches: commit.work.journaled?.count ?? 0))
        }
        let (place, due) = place(for: commits.map(\.partition), byteCount)
        guard let place else { return (false, due) }
        do throws(SystemError) {
            if !place.isHeadDurable { try begin(place) }
            try buffer.withLock { (writer) throws(SystemError) in
                try write(commits, at: place, &writer)
            }
            try place.file.syncData()
        } catch {
            return (false, due + fail(place, error))
        }
        return (true, due)
    }

    /// Ends the round before: of that nothing counts from now on, nor of this one before its time.
    private func begin(_ place: Place) throws(SystemError) {
        try place.head.bytes.withUnsafeBytes { (raw) throws(SystemError) in
            try place.file.write(raw, at: 0)
        }
        try place.file.syncData()
        state.withLock { $0.files[place.index].isHeadDurable = true }
    }

    private func write(
        _ commits: [(partition: PartitionLog, work: PartitionLog.CommitWork)],
        at place: Place, _ writer: inout ByteWriter
    ) throws(SystemError) {
        if !place.zeros.isEmpty { try place.file.writeZeros(place.zeros) }
        writer.cut(to: 0)
        var position = place.start
        func flush(_ writer: inout ByteWriter) throws(SystemError) {
            try writer.withUnsafeBytes { (raw) throws(SystemError) in
                try place.file.write(raw, at: position)
            }
            position += Int64(writer.count)
            writer.cut(to: 0)
        }
        for (partition, work) in commits {
            guard let range = work.journaled, let file = work.files.first else { continue }
            let head = JournalEntry.Head(
                topic: partition.topic, topicID: partition.store.topicID,
                partition: partition.partition, file: place.head, group: place.group,
                segmentBase: work.target.segmentBase, position: range.lowerBound,
                nextOffset: work.target.end, batchBytes: range.count)
            try JournalEntry.write(head, to: &writer) { (buffer) throws(SystemError) in
                guard try file.read(into: buffer, at: range.lowerBound) == buffer.count else {
                    throw SystemError(call: "pread", errno: SystemError.eio, subject: file.path)
                }
            }
            if writer.count >= Self.pieceBytes { try flush(&writer) }
        }
        try flush(&writer)
    }

    /// Finds room, and has the partitions hold the file.
    private func place(
        for partitions: [PartitionLog], _ byteCount: Int64
    ) -> (Place?, due: [PartitionLog]) {
        state.withLock { state in
            guard byteCount + Int64(JournalFileHead.byteCount) <= bytesMax, !state.isStopped,
                state.left == nil
            else { return (nil, []) }
            if state.pause > 0 {
                state.pause -= 1
                return (nil, [])
            }
            var due: [PartitionLog] = []
            if !hasRoom(for: byteCount, partitions.count, state.files[state.current]) {
                if !state.files[state.current].isFull {
                    state.files[state.current].isFull = true
                    due = Array(state.files[state.current].holders.values)
                }
                let other = 1 - state.current
                guard hasRoom(for: byteCount, partitions.count, state.files[other]) else {
                    return (nil, due)
                }
                state.current = other
            }
            let index = state.current
            if state.files[index].holders.isEmpty { restart(index, &state) }
            do throws(SystemError) {
                let place = try place(byteCount, in: index, &state)
                for partition in partitions {
                    state.files[index].holders[ObjectIdentifier(partition)] = partition
                }
                return (place, due)
            } catch {
                note(error, index, &state)
                return (nil, due)
            }
        }
    }

    private func hasRoom(for byteCount: Int64, _ holders: Int, _ file: File) -> Bool {
        guard !file.isBroken else { return false }
        return file.holders.isEmpty
            || !file.isFull && file.end + byteCount <= bytesMax
                && file.holders.count + holders <= holdersMax
    }

    private func restart(_ index: Int, _ state: inout State) {
        state.files[index].head = JournalFileHead(
            round: state.files.map(\.head.round).max()! + 1, key: .random(in: 1...UInt64.max))
        state.files[index].isHeadDurable = false
        state.files[index].group = 0
        state.files[index].end = Int64(JournalFileHead.byteCount)
        state.files[index].isFull = false
    }

    private func place(
        _ byteCount: Int64, in index: Int, _ state: inout State
    ) throws(SystemError) -> Place {
        if state.files[index].file == nil { state.files[index].file = try open(index) }
        let file = state.files[index].file!
        let start = state.files[index].end
        let end = start + byteCount
        let zerosFrom = max(state.files[index].zerosEnd, end)
        let zerosEnd =
            end > state.files[index].zerosEnd
            ? min(bytesMax, (end / Self.stepBytes + 1) * Self.stepBytes) : zerosFrom
        state.files[index].end = end
        state.files[index].group += 1
        state.files[index].zerosEnd = max(zerosFrom, zerosEnd)
        return Place(
            index: index, file: file, head: state.files[index].head,
            isHeadDurable: state.files[index].isHeadDurable,
            group: state.files[index].group, start: start,
            zeros: zerosFrom..<max(zerosFrom, zerosEnd))
    }

    /// The file, made where there is none; its name is durable.
    private func open(_ index: Int) throws(SystemError) -> any DiskFile {
        let path = path + "/" + Self.fileNames[index]
        try disk.createDirectory(self.path)
        let file = try disk.open(path, .create)
        try disk.syncDirectory(self.path)
        try disk.syncDirectory(String(self.path.dropLast(Self.directoryName.count + 1)))
        return file
    }

    /// A write or sync has failed: whoever holds the file has to be synced.
    private func fail(_ place: Place, _ error: SystemError) -> [PartitionLog] {
        state.withLock { state in
            note(error, place.index, &state)
            guard !state.files[place.index].isBroken else {
                return Array(state.files[place.index].holders.values)
            }
            // What was written of it is written over.
            state.files[place.index].end = place.start
            state.files[place.index].zerosEnd = place.start
            return []
        }
    }

    private func note(_ error: SystemError, _ index: Int, _ state: inout State) {
        if error.isHarmless {
            state.pause = Self.pauseCommits
        } else {
            state.files[index].isBroken = true
            state.files[index].isFull = true
        }
        logger?.warning(
            "journal not written; segments are synced one by one", ["cause": error])
    }

    // MARK: Holders

    /// All that was committed of `partition` is durable in its segment, or the topic is deleted.
    func release(_ partition: PartitionLog) {
        state.withLock { state in
            for index in state.files.indices {
                state.files[index].holders[ObjectIdentifier(partition)] = nil
            }
        }
    }

    /// Takes nothing more. Returns the partitions whose segments have to be synced.
    func stop() -> [PartitionLog] {
        state.withLock { state in
            state.isStopped = true
            return state.files.flatMap { Array($0.holders.values) }
        }
    }

    /// Takes away what nobody holds. Where that fails it stays, and nobody has a use for it.
    func removeFiles() { state.withLock { removeFiles(&$0) } }

    private func removeFiles(_ state: inout State) {
        do throws(SystemError) {
            var hasRemoved = false
            for index in state.files.indices
            where state.files[index].holders.isEmpty && !state.files[index].isBroken {
                state.files[index].file = nil
                guard try disk.entry(state.files[index].path) != nil else { continue }
                try disk.remove(state.files[index].path)
                hasRemoved = true
            }
            if hasRemoved { try disk.syncDirectory(path) }
        } catch {
            logger?.warning("journal not removed", ["cause": error])
        }
    }

    /// Its directory was left without `stop`: partitions and journal must not keep one another.
    func abandon() {
        state.withLock { state in
            for index in state.files.indices { state.files[index].holders = [:] }
        }
    }

    // MARK: Starts

    /// What an earlier life, or this one, has of a partition and may not be in its segments.
    func entries(
        of topic: String, _ id: UniqueID, _ partition: Int32
    ) throws(SystemError) -> [JournalEntry] {
        func isWanted(_ entry: JournalEntry) -> Bool {
            entry.head.topicID == id && entry.head.topic == topic
                && entry.head.partition == partition
        }
        if let left = state.withLock({ $0.left }) {
            return (left[Self.key(topic, partition)] ?? []).filter(isWanted)
        }
        var entries: [JournalEntry] = []
        for name in Self.fileNames {
            entries += try Self.scan(path + "/" + name, disk, where: isWanted)?.entries ?? []
        }
        return entries
    }

    /// The batches of an entry; none where the file has been written anew since.
    func batches(of entry: JournalEntry) throws(SystemError) -> ByteSlice {
        let index = state.withLock { state in
            state.files.firstIndex { $0.head.round == entry.head.file.round }
        }
        guard let index else { return ByteSlice() }
        let file = try disk.open(path + "/" + Self.fileNames[index], .read)
        let range = entry.range
        let bytes = try ByteSlice(filling: range.count) { (buffer) throws(SystemError) in
            try file.read(into: buffer, at: range.lowerBound)
        }
        let there = bytes.withUnsafeBytes { JournalEntry($0, at: range.lowerBound) }
        guard there?.head.file == entry.head.file else { return ByteSlice() }
        return bytes[(range.count - entry.batches.count)...]
    }

    /// The id of a topic whose description was lost.
    func topicID(of topic: String) -> UniqueID? {
        state.withLock { state in
            state.left?.values.lazy.joined().map(\.head).filter { $0.topic == topic }
                .max { $0.file.round < $1.file.round }?.topicID
        }
    }

    /// All partitions are recovered but `failed`, which go on to hold what they have here. What
    /// was damaged goes to the quarantine (I7), and what nobody holds is taken away.
    /// - Parameter now: wall clock, ms since 1970.
    /// - Returns: what was damaged, in sentences.
    func endRecovery(
        failed: [PartitionLog], quarantine: Quarantine, now: Int64
    ) -> [String] {
        let damage = state.withLock { state in
            for partition in failed {
                for entry in state.left?[Self.key(partition.topic, partition.partition)] ?? [] {
                    let round = entry.head.file.round
                    guard let index = state.files.firstIndex(where: { $0.head.round == round })
                    else { continue }
                    state.files[index].holders[ObjectIdentifier(partition)] = partition
                    // Where its entries end is not known here.
                    state.files[index].isFull = true
                }
            }
            state.left = nil
            for index in state.files.indices where !state.files[index].damage.isEmpty {
                do throws(SystemError) {
                    try keep(state.files[index], in: quarantine, now: now)
                } catch {
                    // It is not written over before it could be kept.
                    state.files[index].isBroken = true
                    logger?.warning("damaged journal not set aside yet", ["cause": error])
                }
            }
            removeFiles(&state)
            return state.files.flatMap { file in file.damage.map { (file.path, $0) } }
        }
        return damage.map { path, range in
            let text =
                "\(path) was damaged at position \(range.lowerBound), \(range.count) bytes: what "
                + "it had there is lost where its segment lacks it"
            logger?.error("journal damaged", ["cause": text])
            return text
        }
    }

    private func keep(
        _ journal: File, in quarantine: Quarantine, now: Int64
    ) throws(SystemError) {
        let file = try disk.open(journal.path, .read)
        for range in journal.damage {
            _ = try quarantine.keep(
                range, of: file,
                Quarantine.Origin(
                    // No topic's name has that character.
                    topic: "~journal", partition: 0, segmentBase: Int64(journal.head.round),
                    path: journal.path, kind: .corruption, firstOffset: -1, nextOffset: -1,
                    now: now))
        }
    }
}
