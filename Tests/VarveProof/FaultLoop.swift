internal import VarveLog
internal import VarvePlatform
internal import VarveSimulation

/// The every-operation error loop (T2), as SQLite does it: the N-th disk operation of a workload
/// fails, N = 1, 2, and so on until a run meets no fault; the workload goes on as a broker would.
/// Then the disk is well again, the process or the power goes, and what was acknowledged must be
/// there.
package struct FaultLoop: Sendable {
    /// What fails, and whether everything after it fails as well.
    package struct Fault: Sendable {
        package let name: String
        let errno: Int32
        let isLasting: Bool
        /// Only these; nil for all.
        let kinds: Set<SimulatedDisk.Kind>?
    }

    /// EIO, ENOSPC, EINTR, EDQUOT, EROFS and short writes, once transient and once lasting.
    package static let faults: [Fault] =
        [
            ("EIO", SystemError.eio), ("ENOSPC", SystemError.enospc),
            ("EINTR", SystemError.eintr), ("EDQUOT", SystemError.edquot),
            ("EROFS", SystemError.erofs), ("short write", 0),
        ].flatMap { name, errno in
            [false, true].map { isLasting in
                Fault(
                    name: "\(name), \(isLasting ? "lasting" : "transient")", errno: errno,
                    isLasting: isLasting, kinds: errno == 0 ? [.write] : nil)
            }
        }

    /// Operations of the workload.
    package var steps = 60
    package var seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    /// Fails the operations `first`, `first + stride`, … one run each.
    package func run(_ fault: Fault, first: Int = 0, stride: Int = 1) -> ProofResult {
        var result = ProofResult()
        var operation = first
        while result.violations.count < 20 {
            let (isOver, wasMet, broken) = runOnce(fault, at: operation)
            if isOver { break }
            if wasMet { result.count += 1 }
            for sentence in broken {
                result.add(
                    violation: "seed \(seed), \(fault.name) at operation \(operation): \(sentence)")
            }
            operation += stride
        }
        return result
    }

    private func runOnce(
        _ fault: Fault, at operation: Int
    ) -> (isOver: Bool, wasMet: Bool, broken: [String]) {
        let disk = SimulatedDisk(seed: seed)
        let ledger = Lock(Ledger())
        disk.fail(
            .init(operation: operation, errno: fault.errno, isLasting: fault.isLasting),
            only: fault.kinds)
        work(disk) { event in ledger.withLock { $0.note(event) } }
        let wasMet = disk.faultsMet > 0
        let isOver = disk.operationCount <= operation
        disk.fail(nil)
        if operation % 2 == 0 { disk.powerCut() } else { disk.kill() }
        let broken = ledger.withLock { $0.checkStarts(of: disk, now: Self.now) }
        return (isOver, wasMet, broken)
    }

    private static let now: Int64 = 1_767_225_600_000

    /// The workload, answering errors by going on; a start that fails is tried once more.
    private func work(_ disk: SimulatedDisk, _ note: @escaping @Sendable (Ledger.Event) -> Void) {
        for _ in 0..<2 {
            let workload: Workload
            do throws(LogError) {
                workload = try Workload(
                    disk: disk, path: "/data", commit: .manual, seed: seed, now: Self.now,
                    note: note)
            } catch {
                disk.kill(keepsFault: true)
                continue
            }
            for step in 0..<steps {
                do throws(LogError) {
                    if step == 0 { try workload.makeTopic() } else { try workload.step() }
                } catch {
                    // What a broker does: it answers its client with the error and goes on.
                }
            }
            return
        }
    }
}
