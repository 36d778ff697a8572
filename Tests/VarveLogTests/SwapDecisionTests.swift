import Testing
import VarvePlatform
import VarveSimulation

@testable import VarveLog

/// What a compaction's decision file tells those who look at the directory beside it.
@Suite struct SwapDecisionTests {
    @Test func itNamesTheSegmentsThatItReplaces() throws {
        let disk = SimulatedDisk(seed: 1)
        try disk.createDirectory("/p")
        let swap = SegmentSwap(disk: disk, directory: "/p")
        var summary = SegmentSummary(base: 40)
        summary.nextOffset = 70
        try swap.decide(summary)
        let name = try #require(disk.allFiles.first).replacing("/p/", with: "")
        #expect(SegmentSwap.isName(name))
        #expect(try swap.range(name) == 40..<70)
        // Damaged, it still says by its name which the first one is.
        var bytes = disk.contents("/p/" + name)!
        bytes[20] ^= 1
        disk.setContents("/p/" + name, bytes)
        #expect(try swap.range(name) == 40..<41)
        disk.erase("/p/" + name)
        #expect(try swap.range(name) == nil)
        // Somebody else's file.
        _ = try disk.open("/p/notes.swap", .create)
        #expect(try swap.range("notes.swap") == nil)
        disk.fail(.init(operation: disk.operationCount, errno: SystemError.eio))
        #expect(throws: SystemError.self) { try swap.range("notes.swap") }
    }

    /// Cut off at each step of its way: between them the files of its segments do not belong
    /// together, and that is nobody's damage.
    @Test func aVerificationBesideACompactionFindsNothingWrong() throws {
        var isOver = false
        var swaps = 0
        var operation = 0
        while !isOver {
            defer { operation += 1 }
            var fixture = try CompactionFixture()
            for _ in 0..<10 { try fixture.put([("a", String(repeating: "v", count: 200))]) }
            try fixture.put([("b", "last")])
            try fixture.roll()
            let disk = fixture.base.disk
            disk.die(at: disk.operationCount + operation)
            do {
                try fixture.compact()
                isOver = true
            } catch {}
            disk.kill()
            let isSwapping = disk.allFiles.contains { $0.hasSuffix(".swap") }
            if isSwapping { swaps += 1 }
            for isRunning in [true, false] {
                var options = Verification.Options()
                options.isRunning = isRunning
                var verification = Verification(path: "/data", disk: disk, options: options)
                let report = try verification.run()
                #expect(report.isClean, "cut off at \(operation): \(report.findings)")
                let isSaid = report.notes.contains { $0.contains("the next start ends it") }
                #expect(isSaid == (isSwapping && !isRunning), "cut off at \(operation)")
            }
        }
        #expect(swaps > 3, "\(swaps)")
    }

    @Test func aDamagedCheckpointOfCompactionIsFound() throws {
        var fixture = try CompactionFixture()
        for round in 0..<4 { try fixture.put([("a", "\(round)")]) }
        try fixture.roll()
        try fixture.compact()
        let disk = fixture.base.disk
        let path = "/data/topics/events/0/" + CompactionCheckpoint.fileName
        var bytes = try #require(disk.contents(path))
        bytes[12] ^= 1
        disk.setContents(path, bytes)
        try fixture.base.directory.close(now: fixture.base.now)
        var verification = Verification(path: "/data", disk: disk, options: .init())
        let findings = try verification.run().findings
        #expect(findings.map(\.kind) == [.checkpointDamaged])
        #expect(findings.map(\.path) == [path])
    }
}
