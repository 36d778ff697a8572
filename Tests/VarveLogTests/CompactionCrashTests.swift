import Testing
import VarvePlatform
import VarveRecords
import VarveSimulation

@testable import VarveLog

/// A compaction that is cut off at each of its disk operations, one after another: what is there
/// afterwards is the old segments or the new ones, and compacting again brings the same result.
@Suite struct CompactionCrashTests {
    /// Several segments, of which some are merged and some only written anew.
    private func makeLog(seed: UInt64) throws -> CompactionFixture {
        var fixture = try CompactionFixture(seed: seed)
        for round in 0..<14 {
            try fixture.put(
                [
                    ("key \(round % 3)", String(repeating: "v", count: 120)),
                    ("once \(round / 6)", round % 5 == 0 ? nil : "\(round)"),
                ], codec: round % 2 == 0 ? .none : .lz4, producerID: Int64(round % 2),
                sequence: Int32(round / 2 * 2))
        }
        try fixture.roll()
        // Room for two or three of them in one, so that there is something to merge.
        try fixture.base.directory.setConfiguration(
            "events",
            overrides: [
                "cleanup.policy": "compact", "segment.bytes": "2500",
                "min.cleanable.dirty.ratio": "0.01", "index.interval.bytes": "100",
            ])
        try fixture.put([("key 0", "last")])
        fixture.base.directory.commitNow()
        return fixture
    }

    /// The records that must be there whatever happens, and all there may be.
    private func contents(_ fixture: CompactionFixture) throws -> (last: [Record], all: [Record]) {
        let all = try fixture.records()
        var last: [ByteSlice: Record] = [:]
        for record in all { last[record.key!] = record }
        // The last word of the active segment makes nothing go in this compaction.
        for record in all.dropLast() where record.key == "key 0" { last["key 0 closed"] = record }
        return (Array(last.values), all)
    }

    private func check(
        _ fixture: CompactionFixture, _ expected: (last: [Record], all: [Record]),
        _ moment: String
    ) throws {
        let found = try fixture.records()
        for record in expected.last where !found.contains(record) {
            Issue.record("\(moment): \(record) is gone")
        }
        for record in found where !expected.all.contains(record) {
            Issue.record("\(moment): \(record) was never there")
        }
        #expect(fixture.log.durableEnd == expected.all.last!.offset + 1, "\(moment)")
        let left = fixture.base.disk.allFiles.filter {
            $0.hasSuffix(".tmp") || $0.hasSuffix(".swap")
        }
        #expect(left.isEmpty, "\(moment): \(left)")
    }

    /// What a compaction that nothing disturbs makes of it, and how many operations it takes.
    private func undisturbed() throws -> (text: String, operations: Int) {
        let fixture = try makeLog(seed: 1)
        let before = fixture.base.disk.operationCount
        try fixture.compact()
        return (try fixture.text(), fixture.base.disk.operationCount - before)
    }

    /// What an unsynced name or sector comes to is chance, hence several times with 50 of 100.
    @Test(arguments: [(0, 1), (50, 1), (50, 2), (50, 3), (50, 4), (50, 5), (100, 1)])
    func aPowerCutAtEachOperationLeavesOldOrNew(keep: Int, times: Int) throws {
        let (text, operations) = try undisturbed()
        #expect(operations > 60)
        for operation in 0...operations {
            var fixture = try makeLog(seed: UInt64(times * 1000 + operation))
            let expected = try contents(fixture)
            let disk = fixture.base.disk
            disk.die(at: disk.operationCount + operation)
            _ = try? fixture.compact()
            disk.powerCut(keep: keep)
            // And once more inside recovery.
            if operation % 2 == 1 {
                disk.die(at: disk.operationCount + operation / 2)
                try? fixture.base.reopen()
                disk.powerCut(keep: keep)
            }
            try fixture.base.reopen()
            let moment = "cut at operation \(operation), keep \(keep)"
            #expect(fixture.base.report.damages.isEmpty, "\(moment)")
            try check(fixture, expected, moment)
            fixture.base.directory.commitNow()
            try fixture.compact()
            #expect(try fixture.text() == text, "\(moment)")
        }
    }

    @Test(arguments: [SystemError.eio, SystemError.enospc])
    func aFailureOfEachOperationDoesNoHarm(errno: Int32) throws {
        let (text, operations) = try undisturbed()
        for operation in 0..<operations {
            var fixture = try makeLog(seed: UInt64(operation))
            let expected = try contents(fixture)
            let disk = fixture.base.disk
            disk.fail(.init(operation: disk.operationCount + operation, errno: errno))
            var failure: LogError?
            do {
                try fixture.compact()
            } catch {
                failure = error as? LogError
            }
            disk.fail(nil)
            let moment = "errno \(errno) at operation \(operation)"
            if let failure, case .corrupt = failure { Issue.record("\(moment): \(failure)") }
            if fixture.log.isOnline {
                // Half-written files may be left where removing them failed; a start takes them.
                let found = try fixture.records()
                for record in expected.last { #expect(found.contains(record), "\(moment)") }
            } else {
                _ = try fixture.log.reopen(now: fixture.base.now)
                try check(fixture, expected, moment)
            }
            disk.powerCut(keep: 0)
            try fixture.base.reopen()
            try check(fixture, expected, moment)
            fixture.base.directory.commitNow()
            try fixture.compact()
            #expect(try fixture.text() == text, "\(moment)")
        }
    }

    @Test func aDamagedDecisionLosesNothing() throws {
        let (_, operations) = try undisturbed()
        var met = 0
        for operation in 0...operations {
            var fixture = try makeLog(seed: UInt64(operation))
            let expected = try contents(fixture)
            let disk = fixture.base.disk
            disk.die(at: disk.operationCount + operation)
            _ = try? fixture.compact()
            disk.powerCut(keep: 100)
            for name in disk.allFiles where name.hasSuffix(".swap") {
                var bytes = disk.contents(name)!
                bytes[30] ^= 4
                disk.setContents(name, bytes)
                met += 1
            }
            try fixture.base.reopen()
            let found = try fixture.records()
            for record in expected.last {
                #expect(found.contains(record), "cut at operation \(operation): \(record)")
            }
        }
        #expect(met > 5)
    }

    @Test func theCheckpointIsOnlyAHelp() throws {
        let (text, _) = try undisturbed()
        var fixture = try makeLog(seed: 1)
        try fixture.compact()
        let path = "/data/topics/events/0/compacted"
        let good = try #require(fixture.base.disk.contents(path))
        var wrong = good
        // One bit of the offset: only the checksum tells.
        wrong[15] ^= 1
        for change in [[], Array(good.dropLast()), wrong, good + [0]] {
            fixture.base.disk.setContents(path, change)
            try fixture.base.restart()
            #expect(try fixture.log.compactionNeed(now: fixture.base.now)?.isDue == true)
            try fixture.compact()
            #expect(try fixture.text() == text)
            #expect(fixture.base.disk.contents(path) == good)
        }
    }

    /// A write of somebody else's fails, and takes the partition offline, behind each operation.
    @Test func aPartitionMayGoOfflineAtEachOperation() throws {
        let (text, operations) = try undisturbed()
        for operation in 0..<operations {
            let fixture = try makeLog(seed: UInt64(operation))
            let expected = try contents(fixture)
            let (disk, log, now) = (fixture.base.disk, fixture.log, fixture.base.now)
            let due = disk.operationCount + operation
            let thread = Lock<NamedThread?>(nil)
            disk.setObserver {
                guard disk.operationCount >= due, thread.withLock({ $0 == nil }) else { return }
                let isDone = Lock(false)
                let appender = NamedThread("appender") {
                    disk.fail(
                        .init(operation: 0, errno: SystemError.eio, isLasting: true),
                        only: [.write])
                    #expect(throws: LogError.self) {
                        try log.append(Batches.batch([[1]], key: "key 0"), now: now)
                    }
                    disk.fail(nil)
                    isDone.withLock { $0 = true }
                    isDone.signal()
                }
                thread.withLock { $0 = appender }
                // Where the log is locked meanwhile it comes as soon as that is over.
                _ = isDone.wait(timeoutMilliseconds: 20) { $0 ? true : nil }
            }
            _ = try? fixture.compact()
            disk.setObserver(nil)
            thread.withLock { $0 }?.join()
            guard thread.withLock({ $0 != nil }) else { break }
            #expect(!log.isOnline)
            _ = try log.reopen(now: now)
            try check(fixture, expected, "offline behind operation \(operation)")
            try fixture.compact()
            #expect(try fixture.text() == text, "offline behind operation \(operation)")
        }
    }
}
