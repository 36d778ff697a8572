internal import VarveLog
internal import VarvePlatform
internal import VarveProof

/// The process that is killed: it opens a log on the machine's disk and works with it, telling
/// its journal before and after everything it does, until somebody ends it.
///
///     varve-proof work --data DIRECTORY --ledger FILE --seed N --now MS
///                      [--kill-at N --moment before|middle|after] [--steps N]
enum Worker {
    /// The exit status where somebody else holds the directory. A program that is just being
    /// started holds its parent's files, and their locks, until its own code runs.
    static let lockedStatus: Int32 = 4

    static func run(_ options: Options, seed: UInt64) -> Never {
        let moment = options.text("moment").flatMap { SuicidalDisk.Moment(rawValue: $0) }
        let killAt = options.number("kill-at") ?? 0
        let disk: any Disk =
            killAt > 0 ? SuicidalDisk(killAt: killAt, moment: moment ?? .before) : PosixDisk()
        do {
            let journal = try Journal(options.required("ledger"))
            let workload = try Workload(
                disk: disk, path: options.required("data"), commit: .threads(syncers: 2),
                seed: seed, now: Int64(options.number("now") ?? 1_767_225_600_000)
            ) { journal.write($0) }
            for step in 0..<(options.number("steps") ?? 100_000) {
                if step == 0 { try workload.makeTopic() } else { try workload.step() }
            }
            try workload.directory.close(now: workload.now)
            ProcessControl.exitNow(0)
        } catch LogError.directoryLocked(_, let holder) {
            say("varve-proof work: locked by \(holder)\n", to: StandardStreams.error)
            ProcessControl.exitNow(lockedStatus)
        } catch {
            // A disk whose power was cut under the process fails in every way it likes.
            say("varve-proof work: \(error)\n", to: StandardStreams.error)
            ProcessControl.exitNow(1)
        }
    }
}
