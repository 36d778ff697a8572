internal import VarveLog
internal import VarvePlatform
internal import VarveProof
internal import VarveSimulation

/// Hours in minutes (T12): one process works with one log for a while, on a disk that is full most
/// of the time or watching its own descriptors, and the log is held against its journal at the end.
struct Soak {
    let directory: String
    let ledger: String
    let seconds: Int
    let seed: UInt64

    private static let now: Int64 = 1_767_225_600_000

    /// The file system of `directory` is small, and a second file on it grows and shrinks beside
    /// the log: appends are refused and taken again, and nothing that was taken is lost.
    func fullDisk() throws -> ProofResult {
        var result = ProofResult()
        var generator = Generator(seed: seed)
        let disk = PosixDisk()
        let ballast = try disk.open(directory + "/ballast", .create)
        let piece = ByteSlice([UInt8](repeating: 7, count: 4096))
        var refused = 0
        try work { workload, round in
            if round % 50 == 0 {
                // All that is free, or all but some, or nothing.
                let leave = [0, 0, 8_192, 65_536, 1 << 20][generator.int(0..<5)]
                try ballast.truncate(to: 0)
                let free = try disk.freeBytes(directory)
                var size: Int64 = 0
                while size + Int64(piece.count) <= free - Int64(leave) {
                    do throws(SystemError) {
                        try piece.withUnsafeBytes { (bytes) throws(SystemError) in
                            try ballast.write(bytes, at: size)
                        }
                    } catch {
                        guard error.isFull else { throw error }
                        break
                    }
                    size += Int64(piece.count)
                }
            }
            do throws(LogError) {
                try workload.step()
                result.count += 1
            } catch {
                guard case .full = error else { throw error }
                refused += 1
            }
        }
        result.details["refused for want of space"] = refused
        if refused == 0 { result.add(violation: "the disk was never full: this proves nothing") }
        try ballast.truncate(to: 0)
        try check(&result)
        return result
    }

    /// Topics come and go, segments roll, the directory is closed and opened: the number of open
    /// descriptors is the same after each start.
    func descriptors() throws -> ProofResult {
        var result = ProofResult()
        let disk = PosixDisk()
        var first: Int?
        var highest = 0
        try work { workload, round in
            try workload.step()
            result.count += 1
            guard round % 500 == 499 else { return }
            try workload.restart()
            let count = try disk.list("/proc/self/fd").count
            highest = max(highest, count)
            if first == nil { first = count }
        }
        result.details["descriptors after the first start"] = first ?? 0
        result.details["descriptors at the most"] = highest
        // The partitions of all topics that may be there: one descriptor each at a start.
        if highest > (first ?? 0) + 8 {
            result.add(violation: "\(highest) descriptors after \(first ?? 0)")
        }
        try check(&result)
        return result
    }

    private func work(_ body: (Workload, Int) throws -> Void) throws {
        let clock = SystemClock()
        let end = clock.monotonicMilliseconds() + Int64(seconds) * 1000
        let journal = try Journal(ledger)
        let workload = try Workload(
            disk: PosixDisk(), path: directory + "/data", commit: .threads(syncers: 2), seed: seed,
            now: Self.now
        ) { journal.write($0) }
        var round = 0
        let progress = Progress(of: seconds, "seconds")
        var told: Int64 = 0
        let begun = clock.monotonicMilliseconds()
        while clock.monotonicMilliseconds() < end {
            try body(workload, round)
            round += 1
            let passed = (clock.monotonicMilliseconds() - begun) / 1000
            if passed > told {
                progress.add(Int(passed - told))
                told = passed
            }
        }
        do throws(LogError) {
            try workload.directory.close(now: workload.now)
        } catch {
            guard case .full = error else { throw error }
        }
    }

    private func check(_ result: inout ProofResult) throws {
        let (ledger, broken) = try Check.run(
            data: directory + "/data", ledger: self.ledger, now: Self.now + (1 << 40))
        result.details["batches checked"] = ledger.batchCount
        for sentence in broken { result.add(violation: sentence) }
    }
}
