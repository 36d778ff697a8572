internal import CVarveProof
internal import VarveLog
internal import VarvePlatform
internal import VarveProof
internal import VarveSimulation

/// Real power cuts (T5): the log works on a file system of its own on a loop device, the kernel
/// shuts that file system down (what was not synced is gone), the process is killed, the file
/// system unmounted and mounted again, and the log held against its journal, which lies elsewhere.
/// Tools/power-cuts makes the file systems.
struct PowerCuts: Sendable {
    /// A file system for the power to be cut of.
    struct Place: Sendable {
        let mount: String
        let device: String
        /// Lies on another file system.
        let ledger: String
    }

    let count: Int
    let seed: UInt64
    let places: [Place]

    func run() -> ProofResult {
        let progress = Progress(of: count, "power cuts")
        let left = Lock(count)
        return ProofResult.parallel(places.indices, threads: places.count) { index in
            let place = places[index]
            var generator = Generator(seed: seed &+ UInt64(index))
            var result = ProofResult()
            var now: Int64 = 1_767_225_600_000
            var life = 0
            while result.violationCount == 0,
                left.withLock({ left in
                    left -= 1
                    return left >= 0
                })
            {
                progress.add(1)
                do {
                    if result.count % 100 == 0 {
                        // A fresh log now and then: early and late lives are both cut.
                        let disk = PosixDisk()
                        if life > 0 { Kills.remove("\(place.mount)/\(life)") }
                        life += 1
                        try Journal.rewrite(place.ledger, Ledger())
                        try disk.createDirectory("\(place.mount)/\(life)")
                        try disk.syncDirectory(place.mount)
                    }
                    try cut(place, "\(place.mount)/\(life)/data", now, &generator, &result)
                } catch {
                    result.add(violation: "\(place.mount), cut \(result.count): \(error)")
                }
                now += 20_000
            }
            return result
        }
    }

    private func cut(
        _ place: Place, _ data: String, _ now: Int64, _ generator: inout Generator,
        _ result: inout ProofResult
    ) throws {
        let child = try ChildProcess.start(
            ProcessControl.executable,
            [
                "work", "--data", data, "--ledger", place.ledger, "--seed",
                "\(generator.next() >> 2)", "--now", "\(now)",
            ])
        pause(milliseconds: Int64(generator.int(20...150)))
        // The kernel's shutdown is not quite a power cut: a sync that is under way can return
        // success without having synced. Nobody may hear of that success, as after a real one.
        try Self.stop(child)
        let said = try Self.size(of: place.ledger)
        guard varve_shut_down_file_system(place.mount) == 0 else {
            child.send(ProcessControl.kill)
            _ = child.wait()
            throw SystemError.last("ioctl(SHUTDOWN)", place.mount)
        }
        child.send(ProcessControl.kill)
        _ = child.wait()
        guard try Self.size(of: place.ledger) == said else {
            throw SystemError(
                call: "kill(SIGSTOP) (it went on)", errno: 0, subject: "\(child.identifier)")
        }
        try Self.command(["umount", place.mount])
        try Self.command(["mount", place.device, place.mount])
        result.count += 1
        let (ledger, broken) = try Check.run(data: data, ledger: place.ledger, now: now + 10_000)
        result.details["acknowledged batches checked", default: 0] += ledger.batchCount
        for sentence in broken {
            result.add(
                violation: "seed \(seed), \(place.mount), cut \(result.count): \(sentence)")
        }
    }

    private static func size(of path: String) throws(SystemError) -> Int64 {
        try PosixDisk().open(path, .read).size()
    }

    /// Stops a process at once: what it has not said by now it never says. A thread inside a system
    /// call ends that and gets no further.
    private static func stop(_ child: ChildProcess) throws(SystemError) {
        child.send(ProcessControl.stop)
        for _ in 0..<10_000 {
            let states = try threadStates(of: child)
            // The kernel gives the signal to one thread, which passes it on when it comes out of
            // its system call: as long as nobody has stopped, the others do not know of it, and
            // may go on when the disk lets them.
            let hasBegun = states.isEmpty || states.contains { "TtZX".contains($0) }
            if hasBegun, states.allSatisfy({ "TtDZX".contains($0) }) { return }
            pause(milliseconds: 1)
        }
        throw SystemError(call: "kill(SIGSTOP)", errno: 0, subject: "\(child.identifier)")
    }

    /// What the process's threads are doing, in the letters of proc_pid_stat(5).
    private static func threadStates(of child: ChildProcess) throws(SystemError) -> [Character] {
        let disk = PosixDisk()
        let tasks = "/proc/\(child.identifier)/task"
        var states: [Character] = []
        for task in try disk.list(tasks) {
            do throws(SystemError) {
                let file = try disk.open("\(tasks)/\(task)/stat", .read)
                let stat = try ByteSlice(filling: 512) { (buffer) throws(SystemError) in
                    try file.read(into: buffer, at: 0)
                }.string
                // The state stands behind the name, which is in parentheses.
                states.append(stat.split(separator: ")").last?.dropFirst().first ?? "Z")
            } catch {
                // It has ended since.
                guard error.errno == SystemError.enoent || error.errno == SystemError.esrch else {
                    throw error
                }
            }
        }
        return states
    }

    /// Runs a command of util-linux; a file system that is busy for a moment is waited for.
    private static func command(_ words: [String]) throws {
        for attempt in 1...100 {
            let ending = try ChildProcess.start("/usr/bin/" + words[0], Array(words.dropFirst()))
                .wait()
            if ending.isSuccess { return }
            guard attempt < 100 else {
                throw SystemError(
                    call: words.joined(separator: " "), errno: 0, subject: "\(ending)")
            }
            pause(milliseconds: 50)
        }
    }
}
