internal import VarveLog
internal import VarvePlatform
internal import VarveProof

/// Opens a log after its process or its power went, and holds it against the journal.
enum Check {
    /// The ledger, with what was shown now, and what is broken.
    static func run(
        data: String, ledger path: String, now: Int64
    ) throws -> (ledger: Ledger, broken: [String]) {
        var ledger = try Journal.read(path)
        let directory = try open(data, now: now)
        let broken = ledger.check(directory)
        // What the check read counts as seen by a consumer.
        try Journal.rewrite(path, ledger)
        return (ledger, broken)
    }

    /// Waits a little where the directory is locked: a program that another thread is just
    /// starting holds this process's files, and their locks, until its own code runs.
    private static func open(_ data: String, now: Int64) throws(LogError) -> DataDirectory {
        var attempts = 0
        while true {
            do throws(LogError) {
                return try Workload.open(PosixDisk(), data, .manual, now: now)
            } catch {
                attempts += 1
                guard case .directoryLocked = error, attempts < 100 else { throw error }
                pause(milliseconds: 5)
            }
        }
    }
}
