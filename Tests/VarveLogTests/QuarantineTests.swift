import Testing
import VarveLog
import VarvePlatform
import VarveSimulation

@Suite struct QuarantineTests {
    /// Where the first damaged batch stood the next one stands now, as long as it was: what is set
    /// aside of that is kept beside the first piece, not in its place (I7).
    @Test func aSecondPieceFromTheSamePlaceIsKeptBesideTheFirst() throws {
        let log = try HealingTests.Damaged()
        let disk = log.fixture.disk
        let batch = Int64(HealingTests.Damaged.batchBytes)
        var pieces: [[UInt8]] = []
        for round in 1...3 {
            log.flip(8, Int(batch) + 100)
            let damaged = disk.contents(log.fixture.path(8, "log"))!
            pieces.append(Array(damaged[Int(batch)..<2 * Int(batch)]))
            #expect(try log.readable().errors > 0)
            let reports = log.fixture.directory.heal(now: log.fixture.now)
            #expect(reports.flatMap(\.damages).map(\.position) == [batch])
            let kept = disk.allFiles.filter { $0.hasSuffix(".bytes") }.map { disk.contents($0)! }
            #expect(kept.count == round)
            for piece in pieces { #expect(kept.contains(piece), "round \(round)") }
        }
        #expect(disk.allFiles.count { $0.contains("/quarantine/") && $0.hasSuffix(".json") } == 3)
    }
}
