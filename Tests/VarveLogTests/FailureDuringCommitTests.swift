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
}
