internal import Synchronization
internal import VarvePlatform

/// Space that is kept back for what has to go on when the disk is full.
///
///     <data>/reserve      `bytesMax` bytes set aside (posix_fallocate), no content
///
/// Offset commits, trims, deletes, marks and seals are small, and without them a full disk could
/// not be emptied, nor would a consumer know afterwards where it was. They write through a
/// `ReserveDisk`: where one of them meets ENOSPC a piece of the file is cut off, which the file
/// system gives back at once, and the call is made again. Appends to ordinary topics do not come
/// here. They are refused (`.full`) from the first ENOSPC that anybody meets, or a little earlier,
/// when `tick` finds less than half of `marginBytes` free: some file systems find out only while
/// syncing, and that would take partitions offline (I6). They are taken again, without a restart,
/// as soon as `tick` could make the reserve whole and has the margin free besides.
///
/// A file set aside, and not a number of bytes to leave free, because other programs fill disks
/// too and heed no number of ours.
///
/// Nothing depends on the file's state after a crash: a start makes it as long as it may be and as
/// space allows. While it is shorter, ordinary appends are refused.
final class DiskReserve: Sendable {
    private struct State {
        var file: (any DiskFile)?
        /// Bytes set aside now.
        var bytes: Int64 = 0
    }

    private let path: String
    private let directory: String
    private let disk: any Disk
    private let logger: Logger?
    let bytesMax: Int64
    private let state = Lock(State())
    private let full = Atomic<Bool>(false)
    private let refused = Atomic<Int>(0)

    /// Given up at once at the least: a sync of the file for each record would be too slow.
    private var pieceBytes: Int64 { max(1, min(1 << 20, bytesMax / 16)) }
    /// What must be free besides the reserve for ordinary appends to go on; with half of it they
    /// are stopped.
    var marginBytes: Int64 { min(16 << 20, bytesMax / 4) }

    /// - Parameter disk: the disk itself, not one that comes here for more.
    init(directory: String, disk: any Disk, bytesMax: Int64, logger: Logger?) {
        self.directory = directory
        path = directory + "/reserve"
        self.disk = disk
        self.bytesMax = max(0, bytesMax)
        self.logger = logger
    }

    /// Ordinary appends are refused.
    var isFull: Bool { full.load(ordering: .acquiring) }
    /// Bytes set aside now.
    var bytes: Int64 { state.withLock { $0.bytes } }
    /// Appends refused so far because the disk was full.
    var refusals: Int { refused.load(ordering: .relaxed) }

    /// Sets the space aside, or what of it there is. A disk that fails here otherwise leaves the
    /// log without a reserve: that is for its own writes to meet and report.
    func open() {
        guard bytesMax > 0 else { return remove() }
        do throws(SystemError) {
            let found = try disk.entry(path)
            let file = try disk.open(path, .create)
            if found == nil { try disk.syncDirectory(directory) }
            try state.withLock { (state) throws(SystemError) in
                state.file = file
                let size = min(try file.size(), bytesMax)
                try file.truncate(to: size)
                // A file that was copied, or cut by a crash, may have holes.
                if size > 0 { state.bytes = try allocate(size, in: file, from: 0) }
                try grow(&state)
                try file.syncData()
            }
        } catch {
            logger?.warning("no reserve for a full disk", ["cause": error])
        }
        if bytes < bytesMax {
            enterFull("the reserve could not be set aside")
        } else {
            tick()
        }
    }

    /// An earlier start's reserve that is not wanted any more.
    private func remove() {
        do throws(SystemError) {
            if try disk.entry(path) != nil { try disk.remove(path) }
        } catch {
            logger?.warning("the reserve could not be removed", ["cause": error])
        }
    }

    // MARK: Appends

    /// Whether an ordinary append may try; counts those that may not.
    func admit() throws(LogError) {
        guard isFull else { return }
        refused.add(1, ordering: .relaxed)
        throw .full(
            SystemError(call: "append", errno: SystemError.enospc, subject: directory))
    }

    /// Somebody met ENOSPC. Hold no partition's lock.
    func noteFull() { enterFull("no space left") }

    private func enterFull(_ cause: String) {
        guard bytesMax > 0, !full.exchange(true, ordering: .acquiringAndReleasing) else { return }
        logger?.error(
            "disk full: appends are refused, except to internal topics",
            ["cause": cause, "directory": directory, "reserveBytes": bytes])
    }

    /// Gives up a piece of the reserve, at least `bytes` where it has so many. False when nothing
    /// was left or the disk did not take it.
    func giveUp(_ bytes: Int64) -> Bool {
        guard bytesMax > 0 else { return false }
        enterFull("no space left")
        return state.withLock { state in
            guard let file = state.file, state.bytes > 0 else { return false }
            let left = max(0, state.bytes - max(pieceBytes, bytes))
            do throws(SystemError) {
                try file.truncate(to: left)
                state.bytes = left
                // Some file systems free blocks only when the change is in their journal.
                try file.syncData()
                return true
            } catch {
                logger?.warning("the reserve could not be given up", ["cause": error])
                return state.bytes == left
            }
        }
    }

    // MARK: Time

    /// Makes the reserve whole again where there is space, and lets appends go on or stops them.
    func tick() {
        guard bytesMax > 0 else { return }
        do throws(SystemError) {
            let isWhole = try state.withLock { (state) throws(SystemError) in
                try grow(&state)
                return state.bytes == bytesMax
            }
            let free = try disk.freeBytes(directory)
            if !isFull, free < marginBytes / 2 {
                enterFull("\(free) bytes free")
            } else if isFull, isWhole, free >= marginBytes {
                full.store(false, ordering: .releasing)
                logger?.warning(
                    "space has returned: appends go on",
                    ["directory": directory, "freeBytes": free, "refused": refusals])
            }
        } catch {
            logger?.warning("the reserve could not be looked after", ["cause": error])
        }
    }

    private func grow(_ state: inout State) throws(SystemError) {
        guard state.bytes < bytesMax else { return }
        if state.file == nil { state.file = try openAgain() }
        guard let file = state.file else { return }
        let before = state.bytes
        let free = try disk.freeBytes(directory)
        while state.bytes < bytesMax {
            // All at once where it fits, else piece by piece as far as it goes.
            let wanted = bytesMax - state.bytes
            let target =
                free >= wanted && state.bytes == before
                ? bytesMax : min(bytesMax, state.bytes + pieceBytes)
            guard target - before <= free else { break }
            let reached = try allocate(target, in: file, from: state.bytes)
            guard reached > state.bytes else { break }
            state.bytes = reached
        }
        if state.bytes > before { try file.syncData() }
    }

    private func openAgain() throws(SystemError) -> (any DiskFile)? {
        do throws(SystemError) {
            let file = try disk.open(path, .create)
            try disk.syncDirectory(directory)
            return file
        } catch {
            guard error.isOnlyFull else { throw error }
            return nil
        }
    }

    /// Sets aside up to `target` bytes; where that does not fit nothing changes. Returns how many
    /// there are.
    private func allocate(
        _ target: Int64, in file: any DiskFile, from bytes: Int64
    ) throws(SystemError) -> Int64 {
        do throws(SystemError) {
            try file.allocate(to: target)
            return target
        } catch {
            guard error.isFull else { throw error }
            try file.truncate(to: bytes)
            return bytes
        }
    }
}
