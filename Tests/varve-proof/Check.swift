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
        let directory = try Workload.open(PosixDisk(), data, .manual, now: now)
        let broken = ledger.check(directory)
        // What the check read counts as seen by a consumer.
        try Journal.rewrite(path, ledger)
        return (ledger, broken)
    }
}
