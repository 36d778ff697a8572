import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

/// A segment in the middle whose files somebody lost: recovery says so, once, and the rest is
/// served (I5).
@Suite struct LostSegmentTests {
    private func fixture() throws -> LogFixture {
        var fixture = try LogFixture()
        let log = try fixture.partition(["segment.bytes": "1100", "index.interval.bytes": "100"])
        for number in 0..<24 {
            _ = try log.append(
                Batches.batch(
                    [[UInt8](repeating: UInt8(number), count: 200)], timestamp: fixture.now,
                    producerID: 7, epoch: 0, sequence: Int32(number)), now: fixture.now)
            fixture.directory.commitNow()
        }
        return fixture
    }

    @Test(arguments: [true, false], [true, false])
    func aLostMiddleSegmentIsReportedOnce(isClean: Bool, readsEverything: Bool) throws {
        var fixture = try fixture()
        if isClean { try fixture.directory.close(now: fixture.now) }
        fixture.disk.kill()
        let bases = fixture.disk.allFiles.filter { $0.hasSuffix(".log") }.map {
            Int64($0.split(separator: "/").last!.dropLast(4))!
        }.sorted()
        #expect(bases.count > 4)
        for kind in ["log", "index", "timeindex", "seal"] {
            let path = fixture.path(bases[1], kind)
            if fixture.disk.contents(path) != nil { fixture.disk.erase(path) }
        }
        var options = LogFixture.options()
        options.readsEverything = readsEverything
        try fixture.reopen(options: options)
        #expect(fixture.report.damages.count == 1)
        let damage = try #require(fixture.report.damages.first)
        #expect(damage.kind == .corruption && damage.path == fixture.path(bases[1], "log"))
        #expect(damage.firstOffset == bases[1] && damage.nextOffset == bases[2])
        let left = (0..<24).filter { !(bases[1]..<bases[2]).contains($0) }
        #expect(try fixture.log.everything().map(\.header.baseOffset) == left)
        fixture.directory.commitNow()
        for _ in 0..<2 {
            fixture.disk.powerCut(keep: 0)
            try fixture.reopen(options: options)
            #expect(fixture.report.damages.isEmpty, "said once")
            #expect(try fixture.log.everything().map(\.header.baseOffset) == left)
        }
        let next = try fixture.log.append(
            Batches.batch(
                [[24]], timestamp: fixture.now, producerID: 7, epoch: 0, sequence: 24),
            now: fixture.now)
        #expect(next.baseOffset == 24, "its producer goes on")
    }
}
