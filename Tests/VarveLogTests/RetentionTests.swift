import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

@Suite struct RetentionTests {
    /// Ten segments of two batches, one a second.
    private func makeLog(_ overrides: [String: String]) throws -> LogFixture {
        var fixture = try LogFixture()
        _ = try fixture.partition(
            overrides.merging(["segment.bytes": "1024"]) { mine, _ in mine })
        for number in 0..<20 {
            // The records claim to be from the future of somebody's clock.
            try fixture.append(
                [String(repeating: "r", count: 400)], timestamp: fixture.now + 3_000_000)
            fixture.now += 1000
            if number % 3 == 0 { fixture.directory.commitNow() }
        }
        fixture.directory.commitNow()
        return fixture
    }

    @Test func timeCountsFromTheAppendNotFromTheRecord() throws {
        let fixture = try makeLog(["retention.ms": "10000"])
        let log = fixture.log
        let plan = fixture.directory.retentionPlan(now: fixture.now)
        #expect(plan == fixture.directory.retentionPlan(now: fixture.now), "a plan changes nothing")
        #expect(plan.map(\.baseOffset) == [0, 2, 4, 6, 8])
        #expect(plan.allSatisfy { $0.reason == .time })
        #expect(fixture.directory.applyRetention(now: fixture.now) == plan)
        #expect(log.startOffset == 10 && log.endOffset == 20)
        #expect(try fixture.values().count == 10)
        #expect(fixture.disk.contents(fixture.path(0, "log")) == nil)
        #expect(throws: LogError.offsetOutOfRange(requested: 3, start: 10, end: 20)) {
            try log.read(from: 3, bytesMax: 100)
        }
    }

    @Test func recordTimeCountsWhereItIsAskedFor() throws {
        let fixture = try makeLog(
            ["retention.ms": "10000", "varve.retention.clock": "record"])
        #expect(fixture.directory.applyRetention(now: fixture.now).isEmpty)
        #expect(fixture.directory.applyRetention(now: fixture.now + 3_000_000).count == 5)
    }

    @Test func sizeKeepsAtLeastTheLimit() throws {
        let fixture = try makeLog(["retention.ms": "-1", "retention.bytes": "3000"])
        let actions = fixture.directory.applyRetention(now: fixture.now)
        #expect(!actions.isEmpty && actions.allSatisfy { $0.reason == .size })
        #expect(fixture.log.byteCount >= 3000)
        #expect(fixture.log.byteCount < 3000 + 1024)
    }

    @Test func appendTimesSurviveRestarts() throws {
        for isClean in [true, false] {
            var fixture = try makeLog(["retention.ms": "10000"])
            if isClean { try fixture.directory.close(now: fixture.now) }
            fixture.disk.powerCut(keep: isClean ? 100 : 0)
            fixture.now += 1
            try fixture.reopen()
            #expect(
                fixture.directory.retentionPlan(now: fixture.now).map(\.baseOffset)
                    == [0, 2, 4, 6, 8])
        }
    }

    @Test func theActiveSegmentGoesWhenItIsWhollyExpired() throws {
        var fixture = try makeLog(["retention.ms": "10000"])
        fixture.now += 60_000
        #expect(fixture.directory.applyRetention(now: fixture.now).count == 10)
        #expect(fixture.log.startOffset == 20 && fixture.log.byteCount == 0)
        #expect(fixture.directory.applyRetention(now: fixture.now).isEmpty)
        #expect(try fixture.append(["next"]).baseOffset == 20)
        fixture.directory.commitNow()
        fixture.disk.powerCut(keep: 0)
        try fixture.reopen()
        #expect(fixture.log.startOffset == 20 && fixture.log.endOffset == 21)
        #expect(try fixture.values() == ["next"])
    }

    @Test func whatIsNotDurableIsNotDeleted() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition(["retention.ms": "10"])
        try fixture.append(["not committed"])
        #expect(fixture.directory.applyRetention(now: fixture.now + 1000).isEmpty)
        #expect(log.startOffset == 0)
    }

    @Test func deletedSegmentsDoNotComeBackWithTheirNames() throws {
        for keep in [0, 50, 100] {
            var fixture = try makeLog(["retention.ms": "10000"])
            fixture.directory.applyRetention(now: fixture.now)
            fixture.disk.powerCut(keep: keep)
            try fixture.reopen()
            #expect(fixture.log.startOffset == 10)
            #expect(try fixture.values().count == 10)
        }
    }

    @Test func trimMovesTheStartForGood() throws {
        var fixture = try makeLog([:])
        let log = fixture.log
        #expect(try log.trim(to: 5, now: fixture.now) == 5)
        #expect(try log.trim(to: 3, now: fixture.now) == 5, "the start never goes back")
        #expect(throws: LogError.self) { try log.trim(to: 21, now: fixture.now) }
        #expect(try fixture.values().count == 15)
        #expect(fixture.disk.contents(fixture.path(2, "log")) == nil)
        #expect(fixture.disk.contents(fixture.path(4, "log")) != nil)
        fixture.disk.powerCut(keep: 0)
        try fixture.reopen()
        #expect(fixture.log.startOffset == 5)
        #expect(try fixture.log.trim(to: -1, now: fixture.now) == 20)
        #expect(try fixture.values().isEmpty)
    }

    @Test func segmentsRollByAge() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition(["segment.ms": "5000"])
        try fixture.append(["old"])
        fixture.directory.commitNow()
        fixture.directory.tick(now: fixture.now + 4999)
        #expect(fixture.disk.contents(fixture.path(1, "log")) == nil)
        fixture.directory.tick(now: fixture.now + 5000)
        fixture.directory.commitNow()
        #expect(fixture.disk.contents(fixture.path(1, "log")) == [])
        fixture.now += 6000
        try fixture.append(["new"])
        fixture.directory.commitNow()
        #expect(try fixture.values() == ["old", "new"])
        #expect(log.endOffset == 2)
    }

    @Test func timesAreFound() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition(["segment.bytes": "1024", "index.interval.bytes": "50"])
        let times: [Int64] = [100, 300, 200, 400, 250, 500, 500, 450, 600]
        for time in times {
            try fixture.append([String(repeating: "t", count: 200)], timestamp: time)
        }
        #expect(try log.offset(atOrAfter: 0) == nil, "nothing is durable yet")
        fixture.directory.commitNow()
        for target in stride(from: Int64(0), through: 650, by: 10) {
            let expected = times.firstIndex { $0 >= target }
            let found = try log.offset(atOrAfter: target)
            #expect(found?.offset == expected.map(Int64.init), "time \(target)")
            #expect(found?.timestamp == expected.map { times[$0] })
        }
        #expect(try log.maxTimestamp()?.offset == 8)
        try fixture.restart()
        #expect(try fixture.log.offset(atOrAfter: 450)?.offset == 5)
        #expect(try fixture.log.maxTimestamp()?.timestamp == 600)
    }

    /// A search against all records one by one, wherever the log begins and however far it is
    /// durable.
    @Test func timesAreFoundBehindATrimAndBelowTheDurableEnd() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition(["segment.bytes": "1024", "index.interval.bytes": "50"])
        // Three records a batch; the newest of all stands early.
        let times: [[Int64]] = [
            [100, 900, 200], [300, 300, 250], [800, 100, 50], [400, 700, 600], [650, 640, 700],
            [10, 20, 30], [720, 5, 720], [500, 500, 500],
        ]
        for batch in times {
            var builder = RecordBatchBuilder()
            for time in batch {
                builder.append(
                    timestamp: time, key: nil,
                    value: ByteSlice(String(repeating: "t", count: 80)))
            }
            _ = try log.append(try builder.finish(), now: fixture.now)
        }
        fixture.directory.commitNow()
        try fixture.append(["not durable"], timestamp: 5000)
        let all = times.flatMap { $0 }
        for start in 0...all.count {
            #expect(try log.trim(to: Int64(start), now: fixture.now) == start)
            let left = all.enumerated().filter { $0.offset >= start }
            for target in [0, 60, 250, 300, 301, 600, 700, 701, 720, 721, 800, 900, 901] {
                let expected = left.first { $0.element >= target }
                let found = try log.offset(atOrAfter: Int64(target))
                #expect(
                    found?.offset == expected.map { Int64($0.offset) }, "\(target) from \(start)")
                #expect(found?.timestamp == expected?.element)
            }
            let newest = left.map(\.element).max()
            let first = left.first { $0.element == newest }
            let found = try log.maxTimestamp()
            #expect(found?.timestamp == newest, "newest from \(start)")
            #expect(found?.offset == first.map { Int64($0.offset) }, "newest from \(start)")
        }
        fixture.directory.commitNow()
        #expect(try log.maxTimestamp()?.timestamp == 5000)
    }

    @Test func readersBeforeATrimmedStartAreTold() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        try fixture.append(["a", "b", "c"])
        fixture.directory.commitNow()
        #expect(try log.trim(to: 1, now: fixture.now) == 1)
        // The batch that the start lies in is served whole, as Kafka does.
        let result = try log.read(from: 1, bytesMax: 1)
        #expect(RecordBatch.batches(in: result.batches).map(\.header.baseOffset) == [0])
        for again in 0..<2 {
            #expect(throws: LogError.offsetOutOfRange(requested: 0, start: 1, end: 3)) {
                try fixture.log.read(from: 0, bytesMax: 100)
            }
            #expect(throws: LogError.offsetOutOfRange(requested: 0, start: 1, end: 3)) {
                try fixture.log.abortedTransactions(from: 0, to: 3)
            }
            if again == 0 {
                // Durable when it returned.
                fixture.disk.powerCut(keep: 0)
                try fixture.reopen()
            }
        }
    }
}
