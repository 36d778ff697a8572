internal import Synchronization
internal import VarvePlatform

/// Makes many files durable with one write-back of their file system.
///
/// Measured (ext4, 4 KB appended to each): 4 files one by one on four threads 0.8 ms, together
/// 0.4 ms; 100 files 10 and 3 ms; 1 000 files 106 and 36 ms; and far fewer wake-ups of threads.
///
/// A write-back takes along what everybody else has written to that file system. Where that makes
/// it slower than the syncs one by one, several times in a row, it is left alone for a while, each
/// time for longer. (One slow write-back says nothing: a device that stalls for 100 ms now and then
/// stalls for any sync.)
final class SharedSync: Sendable {
    /// Files from which on it pays.
    let filesMin: Int
    /// The most at once: the files of all of them are open meanwhile (I8).
    let filesMax: Int
    private let fileSystem: any DiskFileSystem
    /// The same, hearing of errors for itself.
    private let fileSystemAhead: any DiskFileSystem
    private let isTimed: Bool

    /// A moving average of what one sync takes, in nanoseconds; 0 while none was measured.
    private let oneTakes = Atomic<Int64>(0)
    /// Not before this time (of the monotonic clock, in nanoseconds).
    private let notBefore = Atomic<Int64>(0)

    /// A write-back that is this quick is never held against it.
    private static let quick: Int64 = 50_000_000
    /// The latest ones that were slower than syncs one by one, and how many of them are too many.
    private let slowInARow = Atomic<Int>(0)
    private static let slowInARowMax = 3
    /// Left alone for so long: a minute, and at most about an hour.
    private let pause = Atomic<Int64>(pauseMin)
    private static let pauseMin: Int64 = 60_000_000_000
    private static let pauseMax: Int64 = 64 * pauseMin

    /// - Parameter isTimed: false where a run has to be the same each time, however long it takes.
    /// - Returns: nil where the disk has no write-back of a file system.
    init?(
        _ disk: any Disk, path: String, filesMin: Int, openFilesMax: Int, isTimed: Bool
    ) throws(SystemError) {
        guard let fileSystem = try disk.fileSystem(of: path),
            let fileSystemAhead = try disk.fileSystem(of: path)
        else { return nil }
        self.fileSystem = fileSystem
        self.fileSystemAhead = fileSystemAhead
        self.isTimed = isTimed
        self.filesMin = max(1, filesMin)
        filesMax = max(self.filesMin, openFilesMax / 16)
    }

    /// False while it is left alone.
    var isWorthIt: Bool {
        let time = notBefore.load(ordering: .relaxed)
        return time == 0 || SystemClock.monotonicNanoseconds() >= time
    }

    /// A sync of one partition has taken so long.
    func note(nanoseconds took: Int64) {
        guard isTimed else { return }
        let average = oneTakes.load(ordering: .relaxed)
        oneTakes.store(average == 0 ? took : (average * 15 + took) / 16, ordering: .relaxed)
    }

    /// Writes back what is to be synced soon, so that the sync, which others wait for, has little
    /// left to do. May run beside everything else.
    func writeAhead(of partitions: [PartitionLog]) {
        do throws(SystemError) {
            try fileSystemAhead.writeBack()
        } catch {
            partitions.first?.store.files.cache.doubtUnsynced()
        }
    }

    /// Makes durable what `commits` cover.
    /// - Returns: for each of them nil, or what went wrong with it.
    func sync(
        _ commits: [(partition: PartitionLog, work: PartitionLog.CommitWork)]
    ) -> [SystemError?] {
        var failures = [SystemError?](repeating: nil, count: commits.count)
        guard let first = commits.first else { return failures }
        let start = SystemClock.monotonicNanoseconds()
        let files = commits.map { $0.work.files.compactMap { $0 as? SegmentFile } }
        let marks = files.map { $0.map { $0.beginSync() } }
        var isWritten = false
        do throws(SystemError) {
            try fileSystem.writeBack()
            isWritten = true
        } catch {
            // Somebody's file: each is asked, these below, and others when their turn comes.
            first.partition.store.files.cache.doubtUnsynced()
        }
        // Makes all of them durable where they have been written back.
        failures[0] = Self.failure(of: first)
        let areDurable = isWritten && failures[0] == nil
        for index in commits.indices.dropFirst() {
            if areDurable, !files[index].contains(where: \.isDoubted) {
                for (file, mark) in zip(files[index], marks[index]) { file.endSync(mark) }
            } else {
                failures[index] = Self.failure(of: commits[index])
            }
        }
        judge(commits.count, SystemClock.monotonicNanoseconds() - start)
        return failures
    }

    private static func failure(
        of commit: (partition: PartitionLog, work: PartitionLog.CommitWork)
    ) -> SystemError? {
        do throws(SystemError) {
            try commit.partition.sync(commit.work)
            return nil
        } catch {
            return error
        }
    }

    private func judge(_ count: Int, _ took: Int64) {
        guard isTimed else { return }
        guard took > Self.quick, took > Int64(count) * oneTakes.load(ordering: .relaxed) else {
            slowInARow.store(0, ordering: .relaxed)
            pause.store(Self.pauseMin, ordering: .relaxed)
            return
        }
        let slow = slowInARow.load(ordering: .relaxed) + 1
        slowInARow.store(slow % Self.slowInARowMax, ordering: .relaxed)
        guard slow == Self.slowInARowMax else { return }
        let pause = pause.load(ordering: .relaxed)
        notBefore.store(SystemClock.monotonicNanoseconds() + pause, ordering: .relaxed)
        self.pause.store(min(2 * pause, Self.pauseMax), ordering: .relaxed)
    }
}
