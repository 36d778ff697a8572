internal import VarvePlatform
internal import VarveRecords

/// Walks the closed segments of all topics, batch by batch, from the disk and past the cache, so
/// that damage in what nobody reads is found while the rest of the segment, and a backup, is there.
///
/// A pass goes through topics by name, partitions and segments in order. How far it got is kept in
/// the data directory's `scrub` file, written aside, at most once a minute and at a pass's end:
///
///     offset size field
///          0    8 magic "VarveSC1"
///          8    8 begin of the pass under way, ms since 1970; -1 between two passes
///         16    8 end of the last whole pass; -1 when there was none
///         24    8 bytes read by the pass        32    4 damages found by it
///         36    4 partition   40    8 base offset of the last segment that is done
///         48    4 bytes of    52      its topic's name, UTF-8
///               4 CRC-32C of everything before
///
/// A missing or damaged file only makes the next pass begin anew.
final class Scrubber: Sendable {
    /// The last segment that is done.
    private struct Place: Equatable, Comparable {
        var topic = ""
        var partition: Int32 = -1
        var base: Int64 = -1

        static func < (one: Place, other: Place) -> Bool {
            (one.topic, one.partition, one.base) < (other.topic, other.partition, other.base)
        }
    }

    private struct State {
        var isLoaded = false
        var status = ScrubStatus()
        var done = Place()
        var walk: SegmentWalk?
        /// Bytes that an earlier step read beyond its share.
        var debt: Int64 = 0
        var savedAt: Int64 = 0
    }

    private let disk: any Disk
    private let directory: String
    private let health: LogHealth
    private let state = Lock(State())

    private static let magic = "VarveSC1"
    private static let saveMilliseconds: Int64 = 60_000
    private var path: String { directory + "/scrub" }

    init(disk: any Disk, directory: String, health: LogHealth) {
        self.disk = disk
        self.directory = directory
        self.health = health
    }

    /// Lets go of the segment under way: its directory goes, and they must not keep one another
    /// alive.
    func abandon() { state.withLock { $0.walk = nil } }

    /// One step. See `DataDirectory.scrub`.
    func step(
        _ topics: [Topic], now: Int64, bytesMax: Int64, intervalMilliseconds: Int64
    ) throws(LogError) -> Int64 {
        try state.withLock { (state) throws(LogError) in
            if !state.isLoaded { try load(&state) }
            defer { health.noteScrub(state.status) }
            if state.status.passBegan == nil {
                if let end = state.status.lastPassEnd, now >= end,
                    now - end < intervalMilliseconds
                {
                    return 0
                }
                state.status.passBegan = now
                state.status.bytes = 0
                state.status.damages = 0
                state.done = Place()
            }
            let share = bytesMax - state.debt
            state.debt = max(0, -share)
            guard share > 0 else { return 0 }
            var read: Int64 = 0
            while read < share {
                if state.walk == nil, !next(topics, &state) {
                    state.status.passBegan = nil
                    state.status.lastPassEnd = now
                    try save(&state, now: now)
                    return read
                }
                read += try go(share - read, &state, now: now)
            }
            state.debt = max(0, read - share)
            if now - state.savedAt >= Self.saveMilliseconds { try save(&state, now: now) }
            return read
        }
    }

    /// Finds the first closed segment behind the last one; false when there is none.
    private func next(_ topics: [Topic], _ state: inout State) -> Bool {
        for topic in topics where topic.name >= state.done.topic {
            for log in topic.partitions {
                let after =
                    Place(topic: topic.name, partition: log.partition, base: Int64.max) > state.done
                guard after else { continue }
                let isSame = topic.name == state.done.topic && log.partition == state.done.partition
                let base = isSame ? state.done.base : -1
                if let found = log.closedSegment(behind: base) {
                    state.done = Place(topic: topic.name, partition: log.partition, base: base)
                    state.walk = SegmentWalk(log: log, base: found)
                    return true
                }
            }
        }
        return false
    }

    /// Goes on with the segment under way; heals it where something is wrong.
    private func go(
        _ bytesMax: Int64, _ state: inout State, now: Int64
    ) throws(LogError) -> Int64 {
        guard var walk = state.walk else { return 0 }
        state.walk = nil
        let log = walk.log
        var read: Int64 = 0
        do throws(LogError) {
            switch try walk.go(bytesMax: bytesMax) {
            case .more(let bytes):
                state.walk = walk
                read = bytes
                state.status.bytes += bytes
                return read
            case .whole(let bytes), .gone(let bytes):
                read = bytes
            case .damaged(let bytes, let error):
                read = bytes
                log.suspect(walk.base, error)
                var report = PartitionReport(topic: log.topic, partition: log.partition)
                defer { state.status.damages += report.damages.count }
                try log.heal(walk.base, now: now, &report)
            }
        } catch {
            switch error {
            // Offline, or no longer there: not this pass's to read.
            case .poisoned, .closed, .unknownTopic: break
            default:
                state.done = Place(topic: log.topic, partition: log.partition, base: walk.base)
                throw error
            }
        }
        state.status.bytes += read
        state.done = Place(topic: log.topic, partition: log.partition, base: walk.base)
        // A step that read nothing must end all the same.
        return max(1, read)
    }

    // MARK: The file

    private func load(_ state: inout State) throws(LogError) {
        do throws(SystemError) {
            if try disk.entry(path) != nil {
                read(try disk.readAll(path, bytesMax: 4096), &state)
            }
        } catch {
            throw .io(error)
        }
        state.isLoaded = true
    }

    private func read(_ bytes: ByteSlice, _ state: inout State) {
        guard bytes.count >= 56, bytes[0..<8].string == Self.magic else { return }
        let found = bytes[0..<bytes.count - 4].withUnsafeBytes { CRC32C.checksum($0) }
        do throws(ByteReadError) {
            var reader = ByteReader(bytes, at: bytes.count - 4)
            guard try reader.uint32() == found else { return }
            reader = ByteReader(bytes, at: 8)
            let began = try reader.int64()
            let ended = try reader.int64()
            var status = ScrubStatus()
            status.passBegan = began < 0 ? nil : began
            status.lastPassEnd = ended < 0 ? nil : ended
            status.bytes = try reader.int64()
            status.damages = Int(try reader.int32())
            let partition = try reader.int32()
            let base = try reader.int64()
            let count = Int(try reader.uint32())
            guard 52 + count + 4 == bytes.count else { return }
            state.done = Place(
                topic: bytes[52..<52 + count].string, partition: partition, base: base)
            state.status = status
        } catch {
            // Shorter than it says: as if there were none.
        }
    }

    private func save(_ state: inout State, now: Int64) throws(LogError) {
        // Tried again after a minute, not with the next step.
        state.savedAt = now
        var writer = ByteWriter(capacity: 128)
        writer.utf8(Self.magic)
        writer.int64(state.status.passBegan ?? -1)
        writer.int64(state.status.lastPassEnd ?? -1)
        writer.int64(state.status.bytes)
        writer.int32(Int32(clamping: state.status.damages))
        writer.int32(state.done.partition)
        writer.int64(state.done.base)
        writer.uint32(UInt32(state.done.topic.utf8.count))
        writer.utf8(state.done.topic)
        let checksum = writer.withUnsafeBytes { CRC32C.checksum($0) }
        writer.uint32(checksum)
        do throws(SystemError) {
            try disk.replace(path, with: writer.finish(), inDirectory: directory)
        } catch {
            throw LogError(error)
        }
    }
}

extension DataDirectory {
    /// One step of the scrubber: verifies about `bytesMax` bytes of closed segments, heals what is
    /// damaged, and remembers over restarts how far it got. Returns the bytes read; 0 between two
    /// passes.
    ///
    /// Reads past the page cache, so that what others read stays there. A damaged segment is read
    /// whole, beyond `bytesMax`. One call at a time.
    /// - Parameter intervalMilliseconds: from the end of a pass to the begin of the next.
    /// - Throws: `.io`, `.full`: a segment could not be read or healed, or the `scrub` file not be
    ///   written; the next step goes on behind it.
    @discardableResult
    package func scrub(
        now: Int64, bytesMax: Int64, intervalMilliseconds: Int64
    ) throws(LogError) -> Int64 {
        try store.scrubber.step(
            topics, now: now, bytesMax: bytesMax, intervalMilliseconds: intervalMilliseconds)
    }
}
