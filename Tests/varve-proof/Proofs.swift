internal import VarvePlatform
internal import VarveProof
internal import VarveSimulation

/// The proofs on the simulated disk, on all processors.
enum Proofs {
    /// T1: a log that was stopped cleanly and one whose process was killed.
    static func damage(stride: Int) -> ProofResult {
        var items: [(Bool, String, Int)] = []
        let pieces = 8
        do {
            for isClean in [true, false] {
                for path in try DamageSweep(isClean: isClean).paths {
                    items += (0..<pieces).map { (isClean, path, $0) }
                }
            }
        } catch {
            var result = ProofResult()
            result.add(violation: "no log to damage: \(error)")
            return result
        }
        let progress = Progress(of: items.count, "files and parts")
        return ProofResult.parallel(items) { item in
            let (isClean, path, piece) = item
            var result = ProofResult()
            do {
                result = try DamageSweep(isClean: isClean)
                    .run(path: path, first: piece * stride, stride: stride * pieces)
            } catch {
                result.add(violation: "no log to damage: \(error)")
            }
            progress.add(1)
            return result
        }
    }

    /// T2: every fault at every operation of `rounds` workloads.
    static func faults(seed: UInt64, rounds: Int) -> ProofResult {
        let items = (0..<rounds).flatMap { round in
            FaultLoop.faults.indices.map { (seed &+ UInt64(round), $0) }
        }
        let progress = Progress(of: items.count, "faults")
        return ProofResult.parallel(items) { item in
            defer { progress.add(1) }
            return FaultLoop(seed: item.0).run(FaultLoop.faults[item.1])
        }
    }

    /// T3: `count` disks on which several threads work.
    static func interleavings(count: Int, seed: UInt64) -> ProofResult {
        let progress = Progress(of: count, "disks")
        // Their threads wait for one another most of the time.
        return ProofResult.parallel(0..<count, threads: 2 * ProcessControl.processorCount) {
            defer { progress.add(1) }
            return Interleavings().run(seed: seed &+ UInt64($0))
        }
    }

    /// T3: runs of the workload, one seed after the other, until there are `count` images.
    static func images(count: Int, seed: UInt64) -> ProofResult {
        let progress = Progress(of: count, "images")
        let made = Lock(0)
        let next = Lock(seed)
        return ProofResult.parallel(0..<ProcessControl.processorCount) { _ in
            var result = ProofResult()
            while made.withLock({ $0 < count }), result.violations.count < 20 {
                var images = CrashImages()
                images.imagesMax = min(5000, count)
                let seed = next.withLock { next in
                    defer { next &+= 1 }
                    return next
                }
                let run = images.run(seed: seed)
                made.withLock { $0 += run.count }
                progress.add(run.count)
                result.add(run)
            }
            return result
        }
    }
}
