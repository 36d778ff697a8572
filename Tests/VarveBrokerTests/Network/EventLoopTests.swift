import Dispatch
import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveSimulation

@testable import VarveBroker

@Suite struct EventLoopTests {
    /// A clock that stands still where it is put.
    private final class StillClock: Clock {
        let time = Lock<Int64>(0)
        func wallMilliseconds() -> Int64 { time.withLock { $0 } }
        func monotonicMilliseconds() -> Int64 { time.withLock { $0 } }
    }

    /// Requests that were held back come with a job, a timer or a flush: they are committed then,
    /// not when the loop is next woken.
    @Test func aRequestThatAJobLetsInIsCommittedBeforeTheLoopSleeps() throws {
        let clock = StillClock()
        let directory = try DataDirectory.open(
            path: "/data", disk: SimulatedDisk(seed: 1),
            options: DataDirectoryOptions(commit: .threads(syncers: 1)), now: 0, logger: nil)
        let log = try directory.createTopic("t", partitions: 1, now: 0).partitions[0]
        let loop = try EventLoop(
            name: "test", clock: clock, logger: Logger("test", sink: { _ in }))
        loop.start()
        let isDurable = DispatchSemaphore(value: 0)
        loop.post {
            // No timer is due for days.
            clock.time.withLock { $0 = -1_000_000_000 }
            loop.handling(bytes: 1) {
                var builder = RecordBatchBuilder()
                builder.append(timestamp: 0, key: nil, value: "event")
                _ = try? log.append(try! builder.finish(), now: 0)
                log.whenDurable(1) { _ in isDurable.signal() }
            }
        }
        #expect(isDurable.wait(timeout: .now() + 20) == .success)
        loop.stop()
        #expect(log.durableEnd == 1)
        try directory.close(now: 0)
    }
}
