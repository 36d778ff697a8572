import Testing
import VarveLog
import VarvePlatform
import VarveProof
import VarveRecords
import VarveSimulation

/// Segments whose files somebody lost: recovery says so, once, and the rest is served (I5).
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

    struct Loss: Sendable {
        /// Of the segments, in their order, none from its end on.
        let segments: Range<Int>
        let isClean: Bool
        let readsEverything: Bool

        static let all = [0..<1, 0..<2, 1..<2, 2..<4, 0..<100].flatMap { segments in
            // Where no file is left, only a clean stop's mark knows the very end.
            (segments.upperBound < 100 ? [true, false] : [true]).flatMap { isClean in
                [true, false].map {
                    Loss(segments: segments, isClean: isClean, readsEverything: $0)
                }
            }
        }
    }

    @Test(arguments: Loss.all)
    func lostSegmentsAreReportedOnce(_ loss: Loss) throws {
        var fixture = try fixture()
        if loss.isClean { try fixture.directory.close(now: fixture.now) }
        fixture.disk.kill()
        let bases = fixture.disk.allFiles.filter { $0.hasSuffix(".log") }.map {
            Int64($0.split(separator: "/").last!.dropLast(4))!
        }.sorted()
        #expect(bases.count > 5)
        let lost = loss.segments.clamped(to: 0..<bases.count)
        for base in bases[lost] {
            for kind in ["log", "index", "timeindex", "seal"] {
                let path = fixture.path(base, kind)
                if fixture.disk.contents(path) != nil { fixture.disk.erase(path) }
            }
        }
        var options = LogFixture.options()
        options.readsEverything = loss.readsEverything
        try fixture.reopen(options: options)
        #expect(fixture.report.damages.count == 1)
        let damage = try #require(fixture.report.damages.first)
        let end = lost.upperBound < bases.count ? bases[lost.upperBound] : 24
        let first = bases[lost.lowerBound]
        #expect(damage.kind == .corruption && damage.path == fixture.path(first, "log"))
        #expect(damage.firstOffset == first && damage.nextOffset == end)
        let left = (0..<24).filter { !(first..<end).contains($0) }
        #expect(try fixture.log.everything().map(\.header.baseOffset) == left)
        #expect(fixture.log.startOffset == (first == 0 ? end : 0))
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

    /// Somebody puts a segment's file where another one has its offsets, and bytes behind that.
    @Test(arguments: [true, false])
    func aSegmentThatDoesNotBelongThereIsReported(readsEverything: Bool) throws {
        var fixture = try LogFixture()
        try fixture.appendFourToASegment(10)
        try fixture.stop()
        let stray = try fixture.disk.open(fixture.path(18, "log"), .create)
        try fixture.disk.contents(fixture.path(8, "log"))!.withUnsafeBytes {
            try stray.write($0, at: 0)
        }
        let last = try #require(fixture.disk.contents(fixture.path(16, "log")))
        fixture.disk.setContents(
            fixture.path(16, "log"), last + [UInt8](repeating: 0xA5, count: 300))
        var options = LogFixture.options()
        options.readsEverything = readsEverything
        try fixture.reopen(options: options)
        #expect(fixture.log.isOnline)
        #expect(!fixture.report.damages.isEmpty)
        let found = fixture.log.readableBatches().found.keys.sorted()
        #expect(found.prefix(9) == [0, 2, 4, 6, 8, 10, 12, 14, 16])
        #expect(fixture.log.endOffset >= 20)
    }
}
