import Testing
import VarveLog
import VarvePlatform
import VarveSimulation

/// A write that fails while a commit is under way.
@Suite struct FailureDuringCommitTests {
    @Test func aCommitAcknowledgesNothingAfterAFailedWrite() throws {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        try fixture.append(["before"])
        fixture.directory.commitNow()
        try fixture.append(["waiting"])
        let told = Lock<[LogError?]>([])
        log.whenDurable(2) { error in told.withLock { $0.append(error) } }
        let disk = fixture.disk
        let now = fixture.now
        let isFirst = Lock(true)
        // The first change that the commit makes is its sync.
        disk.setObserver {
            guard isFirst.withLock({ isFirst in
                defer { isFirst = false }
                return isFirst
            }) else { return }
            disk.fail(.init(operation: 0, errno: SystemError.eio, isLasting: true), only: [.write])
            #expect(throws: LogError.self) {
                try log.append(Batches.batch([[1]], timestamp: now), now: now)
            }
            disk.fail(nil)
        }
        fixture.directory.commitNow()
        disk.setObserver(nil)
        #expect(!log.isOnline && log.durableEnd == 1, "the commit spoke after the failure (I6)")
        #expect(told.withLock { $0.count == 1 && $0[0] != nil })
        _ = try log.reopen(now: now)
        #expect(try fixture.values() == ["before", "waiting"])
    }

    /// A batch is lost between its append and the question whether it is durable, and another one
    /// stands in its place: that one does not speak for it.
    @Test func noLaterBatchSpeaksForALostOne() throws {
        var lost = 0
        for seed in 0..<20 as Range<UInt64> {
            var fixture = try LogFixture(seed: seed)
            let log = try fixture.partition()
            try fixture.append(["before"])
            fixture.directory.commitNow()
            let batch = Batches.batch([Array("between".utf8)], timestamp: fixture.now)
            let appended = try log.append(batch, now: fixture.now)
            fixture.disk.fail(
                .init(operation: 0, errno: SystemError.eio, isLasting: true), only: [.sync])
            fixture.directory.commitNow()
            fixture.disk.fail(nil)
            _ = try log.reopen(now: fixture.now)
            let isThere = try fixture.values().contains("between")
            try fixture.append(["after"])
            fixture.directory.commitNow()
            let told = Lock<[LogError?]>([])
            log.whenDurable(appended) { error in told.withLock { $0.append(error) } }
            #expect(told.withLock { $0.count } == 1)
            if !isThere {
                lost += 1
                #expect(told.withLock { $0.first! != nil }, "seed \(seed)")
            }
        }
        #expect(lost > 2)
    }
}
