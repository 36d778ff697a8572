import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// What a read may look at and what it may hand out (I2, I3), and the marks it relies on.
@Suite struct VerifiedReadTests {
    private static func batch(_ number: Int, count: Int = 100) -> ByteSlice {
        Batches.batch([[UInt8](repeating: UInt8(number), count: count)])
    }

    @Test func bytesBeyondTheDurableEndAreNotLookedAt() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        for number in 0..<4 { _ = try log.append(Self.batch(number), now: fixture.now) }
        fixture.directory.commitNow()
        let durable = Int(log.byteCount)
        for number in 4..<8 { _ = try log.append(Self.batch(number), now: fixture.now) }
        // As a reader may find a write that is under way: anything.
        let path = fixture.path(0, "log")
        let whole = try #require(fixture.disk.contents(path))
        var bad = whole
        for index in durable..<bad.count { bad[index] = 0xA5 }
        fixture.disk.setContents(path, bad)
        for offset in Int64(0)..<4 {
            for bytesMax in [1, 150, 4000] {
                let found = try log.read(from: offset, bytesMax: bytesMax)
                #expect(!found.batches.isEmpty && found.nextOffset <= 4)
            }
        }
        #expect(try log.read(from: 4, bytesMax: 4000).batches.isEmpty)
        fixture.disk.setContents(path, whole)
        fixture.directory.commitNow()
        #expect(try log.everything().count == 8)
    }

    /// A rewrite moves what stands behind the damage. A mark that still told the old positions
    /// would have the next start begin in the middle of a batch and set good bytes aside.
    @Test func aCrashBehindARewriteLeavesNoMarkOfTheOldPositions() throws {
        var operation = 0
        while true {
            var fixture = try LogFixture(seed: UInt64(operation))
            let log = try fixture.partition()
            for number in 0..<6 { _ = try log.append(Self.batch(number), now: fixture.now) }
            fixture.directory.tick(now: fixture.now + 31_000)
            fixture.directory.commitNow()
            // More behind the mark than the damage takes away in front of it, of other lengths, so
            // that no old position is a batch's first byte by chance.
            for number in 6..<16 {
                _ = try log.append(Self.batch(number, count: 131), now: fixture.now)
            }
            fixture.directory.commitNow()
            let path = fixture.path(0, "log")
            var bad = try #require(fixture.disk.contents(path))
            bad[300] ^= 1
            fixture.disk.setContents(path, bad)
            fixture.disk.die(at: fixture.disk.operationCount + operation)
            _ = try? log.reopen(now: fixture.now, readsEverything: true)
            let wasWhole = !fixture.disk.isDead
            if operation % 2 == 0 { fixture.disk.powerCut() } else { fixture.disk.kill() }
            try fixture.reopen()
            _ = try fixture.log.reopen(now: fixture.now, readsEverything: true)
            let offsets = try fixture.log.everything().map(\.header.baseOffset)
            #expect(
                offsets == [0] + Array(2..<16), "operation \(operation): \(fixture.report)")
            // (And the zeros that a start had begun to clear the last block with.)
            let aside = fixture.disk.allFiles.filter {
                $0.hasSuffix(".bytes") && fixture.disk.contents($0)!.contains { $0 != 0 }
            }
            #expect(
                aside.count == 1,
                "operation \(operation): only the damage was set aside")
            if wasWhole { break }
            operation += 1
        }
        #expect(operation > 10)
    }

    /// The tail alone is read at a start; but where that means writing the file anew, damage in
    /// the part that was believed comes to light, and is set aside as well.
    @Test func damageInFrontOfTheMarkIsFoundWhenTheTailIsMended() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        for number in 0..<6 { _ = try log.append(Self.batch(number), now: fixture.now) }
        fixture.directory.tick(now: fixture.now + 31_000)
        fixture.directory.commitNow()
        for number in 6..<12 { _ = try log.append(Self.batch(number), now: fixture.now) }
        fixture.directory.commitNow()
        let path = fixture.path(0, "log")
        var bad = try #require(fixture.disk.contents(path))
        bad[300] ^= 1
        bad[LogFixture.batchEnd(bad) - 200] ^= 1
        fixture.disk.setContents(path, bad)
        fixture.disk.kill()
        try fixture.reopen()
        #expect(fixture.report.failure == nil && fixture.report.damages.count == 2)
        let offsets = try fixture.log.everything().map(\.header.baseOffset)
        #expect(offsets == [0] + Array(2..<10) + [11])
    }
}
