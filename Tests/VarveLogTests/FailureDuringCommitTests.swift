import Glibc
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
        // The first change that the commit makes is its sync.
        disk.once {
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

    /// Somebody opens a partition again that somebody else is just opening again: the second one
    /// must not judge the files of a partition that is online. A producer meets it behind each of
    /// its operations.
    @Test func onlyOneReopensAPartitionAtATime() throws {
        var operation = 0
        while try reopenTwice(meetingTheSecondAt: operation) { operation += 1 }
        #expect(operation > 3)
    }

    /// - Returns: whether the second one got so far.
    private func reopenTwice(meetingTheSecondAt operation: Int) throws -> Bool {
        var fixture = try LogFixture()
        let log = try fixture.partition()
        try fixture.append(["before"])
        fixture.directory.commitNow()
        let (disk, directory, now) = (fixture.disk, fixture.directory, fixture.now)
        disk.fail(.init(operation: 0, errno: SystemError.eio, isLasting: true), only: [.write])
        #expect(throws: LogError.self) { try fixture.append(["failed"]) }
        disk.fail(nil)
        #expect(!log.isOnline)
        let path = fixture.path(0, "log")
        let (second, committer) = (Lock<NamedThread?>(nil), Lock<NamedThread?>(nil))
        let secondThread = Lock<pthread_t?>(nil)
        /// Operations of the second one.
        let operations = Lock(0)
        let isAcknowledged = Lock(false)
        disk.beginLog()
        disk.setObserver {
            if second.withLock({ $0 == nil }) {
                guard disk.operationLog.last?.hasSuffix("fdatasync \(path)") == true
                else { return }
                let thread = NamedThread("second") {
                    secondThread.withLock { $0 = pthread_self() }
                    _ = try? log.reopen(now: now)
                }
                second.withLock { $0 = thread }
                // So that it waits for the first one.
                usleep(20_000)
            } else if secondThread.withLock({ $0 }) == pthread_self(),
                operations.withLock({ operations in
                    defer { operations += 1 }
                    return operations == operation
                })
            {
                // A producer that is acknowledged.
                let batch = Batches.batch([Array("between".utf8)], timestamp: now)
                guard let appended = try? log.append(batch, now: now) else { return }
                log.whenDurable(appended) { error in
                    isAcknowledged.withLock { $0 = error == nil }
                    isAcknowledged.signal()
                }
                // What the commit writes behind has to wait for the second one.
                let thread = NamedThread("committer") { directory.commitNow() }
                committer.withLock { $0 = thread }
                _ = isAcknowledged.wait(timeoutMilliseconds: 1000) { $0 ? true : nil }
            }
        }
        _ = try log.reopen(now: now)
        second.withLock { $0 }!.join()
        committer.withLock { $0 }?.join()
        disk.setObserver(nil)
        #expect(log.isOnline)
        let expected = isAcknowledged.withLock { $0 } ? ["before", "between"] : ["before"]
        #expect(try fixture.values() == expected, "met behind operation \(operation)")
        disk.powerCut(keep: 0)
        try fixture.reopen()
        #expect(try fixture.values() == expected, "met behind operation \(operation)")
        return operations.withLock { $0 } > operation
    }
}
