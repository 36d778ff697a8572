internal import VarveLog
internal import VarveSimulation

extension SimulatedDisk {
    /// An empty disk for a run of a proof. Where its sectors are smaller than a real one's, headers
    /// of batches are often torn.
    static func ofProof(seed: UInt64) -> SimulatedDisk {
        let sectorBytes = [512, 64, 16]
        return SimulatedDisk(
            seed: seed, sectorBytes: sectorBytes[Int(seed % UInt64(sectorBytes.count))])
    }
}

extension Ledger {
    /// Starts twice after a crash, and loses each time all that is not synced: what was shown once
    /// must stay.
    /// - Returns: what is broken, as sentences that say at which start.
    mutating func checkStarts(of disk: SimulatedDisk, now: Int64) -> [String] {
        var broken: [String] = []
        for start in 1...2 {
            do throws(LogError) {
                let directory = try Workload.open(disk, "/data", .manual, now: now)
                broken += check(directory).map { "start \(start): \($0)" }
            } catch {
                broken.append("start \(start): \(error)")
            }
            disk.powerCut(keep: 0)
        }
        return broken
    }
}
