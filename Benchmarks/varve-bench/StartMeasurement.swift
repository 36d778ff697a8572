import VarveLog
import VarvePlatform
import VarveRecords

/// How long a start and a stop take, with real files: `varve-bench start fill|crash|open DIR`.
///
/// `fill` makes the data and stops cleanly, `crash` appends more and leaves without a stop, `open`
/// measures a start and a clean stop. Separate runs, so that nothing is left in memory; for cold
/// files drop the page cache in between.
enum StartMeasurement {
    static let usage = """
        varve-bench start fill DIR PARTITIONS MEBIBYTES   make data, that much in all, and stop
        varve-bench start crash DIR MEBIBYTES             append more, leave without a stop
        varve-bench start open DIR                        time a start and a clean stop
        """

    /// False when the words are none of the above.
    static func run(_ words: [String]) throws -> Bool {
        guard words.count >= 2 else { return false }
        switch (words[0], words.count) {
        case ("fill", 4):
            guard let partitions = Int(words[2]), let mebibytes = Int(words[3]) else {
                return false
            }
            try fill(words[1], partitions: partitions, mebibytes: mebibytes)
        case ("crash", 3):
            guard let mebibytes = Int(words[2]) else { return false }
            try crash(words[1], mebibytes: mebibytes)
        case ("open", 2): try open(words[1])
        default: return false
        }
        return true
    }

    private static func fill(_ path: String, partitions: Int, mebibytes: Int) throws {
        let (directory, _) = try timedOpen(path)
        let made = try timed {
            try directory.createTopic("start", partitions: partitions, now: now())
        }
        print("made \(partitions) partitions in \(made.milliseconds) ms")
        try append(mebibytes, to: directory)
        let closed = try timed { try directory.close(now: now()) }
        print("stopped in \(closed.milliseconds) ms")
    }

    private static func crash(_ path: String, mebibytes: Int) throws {
        let (directory, _) = try timedOpen(path)
        try append(mebibytes, to: directory)
        ProcessControl.exitNow(0)
    }

    private static func open(_ path: String) throws {
        let (directory, milliseconds) = try timedOpen(path)
        let partitions = directory.topics.flatMap(\.partitions)
        let clean = directory.recovery.partitions.filter(\.wasClean).count
        let bytes = partitions.reduce(0) { $0 + $1.byteCount }
        print(
            "started in \(milliseconds) ms: \(partitions.count) partitions, \(clean) of them "
                + "stopped cleanly, \(bytes >> 20) MiB, read \(directory.recovery.bytesScanned)"
                + " bytes")
        let closed = try timed { try directory.close(now: now()) }
        print("stopped in \(closed.milliseconds) ms")
    }

    /// One batch after another, over all partitions in turn, durable before it returns.
    private static func append(_ mebibytes: Int, to directory: DataDirectory) throws {
        let batch = try makeBatch(recordCount: 960, valueBytes: 1024)
        let partitions = directory.topics.flatMap(\.partitions)
        let done = try timed {
            for index in 0..<(mebibytes << 20) / batch.count {
                _ = try partitions[index % partitions.count].append(batch, now: now())
                if index % 64 == 63 { directory.commitNow() }
            }
            directory.commitNow()
        }
        print("appended \(mebibytes) MiB in \(done.milliseconds) ms")
    }

    private static func timedOpen(_ path: String) throws -> (DataDirectory, Int64) {
        let opened = try timed {
            try DataDirectory.open(
                path: path, disk: PosixDisk(), options: DataDirectoryOptions(), now: now(),
                logger: nil)
        }
        return (opened.result, opened.milliseconds)
    }

    private static func now() -> Int64 { SystemClock().wallMilliseconds() }

    private static func timed<Result>(
        _ body: () throws -> Result
    ) throws -> (result: Result, milliseconds: Int64) {
        let start = SystemClock.monotonicNanoseconds()
        let result = try body()
        return (result, (SystemClock.monotonicNanoseconds() - start) / 1_000_000)
    }
}
