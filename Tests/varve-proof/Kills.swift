internal import VarveLog
internal import VarvePlatform
internal import VarveProof
internal import VarveSimulation

/// kill -9 (T6): a process that appends, rolls, trims, retains, makes and deletes topics through
/// the log on a real directory is killed, at a random time or at (before, in the middle of,
/// after) each N-th operation on its disk; the log is held against its journal after each kill.
struct Kills: Sendable {
    let count: Int
    let seed: UInt64
    /// Where the logs are kept while the proof runs; made when missing.
    let directory: String

    func run() -> ProofResult {
        let progress = Progress(of: count, "kills")
        let threads = ProcessControl.processorCount
        return ProofResult.parallel(0..<threads, threads: threads) { thread in
            var result = ProofResult()
            var generator = Generator(seed: seed &+ UInt64(thread))
            var kills = 0
            var life = 0
            let share = count / threads + (thread < count % threads ? 1 : 0)
            while kills < share, result.violations.count < 20 {
                // A fresh log every hundred kills, so that early and late lives are both killed.
                let path = "\(directory)/\(thread)-\(life)"
                life += 1
                for _ in 0..<100 {
                    guard kills < share else { break }
                    kills += 1
                    progress.add(1)
                    let place = "seed \(seed), \(path), kill \(kills)"
                    do {
                        try kill(path, &generator, &result, place)
                    } catch {
                        result.add(violation: "\(place): \(error)")
                    }
                    if result.violationCount > 0 { break }
                }
                // What a violation left is kept for whoever looks into it.
                if result.violationCount == 0 { Self.remove(path) }
            }
            return result
        }
    }

    private func kill(
        _ path: String, _ generator: inout Generator, _ result: inout ProofResult, _ place: String
    ) throws {
        let disk = PosixDisk()
        try disk.createDirectory(directory)
        try disk.createDirectory(path)
        let ledger = path + "/ledger"
        // Time goes on from life to life, so that retention finds something.
        let now = 1_767_225_600_000 + Int64(result.count) * 20_000
        var arguments = [
            "work", "--data", path + "/data", "--ledger", ledger, "--seed",
            "\(generator.next() >> 2)", "--now", "\(now)",
        ]
        let isCounted = generator.chance(1, in: 2)
        if isCounted {
            let moment = SuicidalDisk.Moment.allCases.randomElement(using: &generator)!
            arguments += [
                "--kill-at", "\(generator.int(1...120))", "--moment", moment.rawValue,
            ]
        }
        let delay = Int64(generator.int(3...40))
        var ending = ChildProcess.Ending.exited(Worker.lockedStatus)
        for _ in 0..<50 where ending == .exited(Worker.lockedStatus) {
            let child = try ChildProcess.start(ProcessControl.executable, arguments)
            if !isCounted {
                pause(milliseconds: delay)
                child.send(ProcessControl.kill)
            }
            ending = child.wait()
        }
        guard ending == .killed(signal: ProcessControl.kill) else {
            result.add(violation: "\(place): the process was not killed but ended: \(ending)")
            return
        }
        result.count += 1
        result.details[isCounted ? "at an operation" : "at a random time", default: 0] += 1
        // Now and then two kills in a row, so that recovery itself is killed before anybody looks.
        if generator.chance(1, in: 4) { return }
        for sentence in try Check.run(data: path + "/data", ledger: ledger, now: now + 10_000)
            .broken
        {
            result.add(violation: "\(place): \(sentence)")
        }
    }

    static func remove(_ path: String) {
        do throws(SystemError) {
            let disk = PosixDisk()
            for name in try disk.list(path) {
                let inner = path + "/" + name
                if try disk.entry(inner) == .directory {
                    remove(inner)
                } else {
                    try disk.remove(inner)
                }
            }
            try disk.removeDirectory(path)
        } catch {
            say("varve-proof: left behind: \(error)\n", to: StandardStreams.error)
        }
    }
}
