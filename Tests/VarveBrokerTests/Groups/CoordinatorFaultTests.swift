import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// The coordinator while the disk is slow or sick, and under many threads.
@Suite(.serialized) struct CoordinatorFaultTests {
    private func coordinator(
        _ disk: any Disk, _ path: String, _ change: (inout GroupSettings) -> Void = { _ in }
    ) throws -> (GroupCoordinator, DataDirectory) {
        try GroupCoordinator.open(path, disk, partitions: 1) {
            $0.offsetsPartitions = 2
            change(&$0)
        }
    }

    private func commit(
        _ coordinator: GroupCoordinator, _ group: String, _ offset: Int64
    ) -> Box<ErrorCode> {
        let box = Box<ErrorCode>()
        coordinator.commit(
            group, by: OffsetCommitter(),
            [OffsetToCommit(topic: "t", partition: 0, offset: offset)]
        ) { box.put($0) }
        return box
    }

    /// A value that another thread brings, once.
    private final class Box<Value: Sendable>: Sendable {
        private let values = Lock<[Value]>([])

        func put(_ value: Value) {
            values.withLock { $0.append(value) }
            values.signal()
        }

        var now: Value? { values.withLock { $0.first } }
        var count: Int { values.withLock { $0.count } }

        func get() throws -> Value {
            try #require(values.wait(timeoutMilliseconds: 10_000) { $0.first })
        }
    }

    @Test func commitWaitsForTheSync() throws {
        let disk = GateDisk()
        let (coordinator, directory) = try coordinator(disk, TestBroker.makeDirectory())
        #expect(try commit(coordinator, "g", 1).get() == .none)
        disk.set(.closed)
        let waiting = commit(coordinator, "g", 2)
        #expect(waiting.now == nil)
        #expect(coordinator.committedOffsets(of: "g")?["t"]?[0]?.offset == 1)
        disk.set(.open)
        #expect(try waiting.get() == .none)
        #expect(coordinator.committedOffsets(of: "g")?["t"]?[0]?.offset == 2)
        coordinator.stop()
        try directory.close(now: 0)
    }

    @Test func failedSyncAcknowledgesNothingAndOtherPartitionsGoOn() throws {
        let disk = GateDisk()
        let path = TestBroker.makeDirectory()
        var (coordinator, directory) = try coordinator(disk, path)
        // "a" and "b" lie in different partitions of two.
        #expect(
            OffsetStore.partition(of: "a", count: 2) != OffsetStore.partition(of: "b", count: 2))
        for group in ["a", "b"] { #expect(try commit(coordinator, group, 1).get() == .none) }
        disk.set(.failing)
        #expect(try commit(coordinator, "a", 2).get() == .notCoordinator)
        #expect(coordinator.committedOffsets(of: "a")?["t"]?[0]?.offset == 1, "(I6)")
        disk.set(.open)
        #expect(try commit(coordinator, "a", 3).get() == .notCoordinator, "offline until reopened")
        #expect(try commit(coordinator, "b", 4).get() == .none)
        coordinator.stop()
        // Closing reports the partition that is offline; the rest is closed all the same.
        do { try directory.close(now: 0) } catch {}
        (coordinator, directory) = try self.coordinator(disk, path)
        #expect(try commit(coordinator, "a", 5).get() == .none)
        #expect(coordinator.committedOffsets(of: "b")?["t"]?[0]?.offset == 4)
        coordinator.stop()
        try directory.close(now: 0)
    }

    @Test func groupsWhoseOffsetsCannotBeReadAreNotServed() throws {
        let path = TestBroker.makeDirectory()
        var (coordinator, directory) = try coordinator(PosixDisk(), path)
        for group in ["a", "b"] { #expect(try commit(coordinator, group, 7).get() == .none) }
        coordinator.stop()
        try directory.close(now: 0)
        let partition = OffsetStore.partition(of: "a", count: 2)
        let file =
            path + "/topics/__consumer_offsets/\(partition)/00000000000000000000.log"
        try flipByte(in: file)

        (coordinator, directory) = try self.coordinator(PosixDisk(), path)
        #expect(coordinator.unavailability(of: "a") == .coordinatorNotAvailable)
        #expect(try commit(coordinator, "a", 8).get() == .coordinatorNotAvailable)
        var join = GroupJoin()
        join.protocols = [GroupProtocol(name: "range", metadata: "")]
        let joined = Box<JoinAnswer>()
        coordinator.join("a", join) { joined.put($0) }
        #expect(try joined.get().error == .coordinatorNotAvailable)
        #expect(coordinator.committedOffsets(of: "b")?["t"]?[0]?.offset == 7)
        #expect(try commit(coordinator, "b", 8).get() == .none)

        // The damage is mended behind the broker's back: its groups come back without a restart.
        try flipByte(in: file)
        let log = directory.topic("__consumer_offsets")!.partitions[partition]
        if !log.isOnline { _ = try log.reopen(now: 0) }
        coordinator.reloadUnreadable(at: coordinator.time)
        #expect(coordinator.committedOffsets(of: "a")?["t"]?[0]?.offset == 7)
        #expect(try commit(coordinator, "a", 9).get() == .none)
        coordinator.stop()
        try directory.close(now: 0)
    }

    private func flipByte(in path: String) throws {
        let file = try PosixDisk().open(path, .readWrite)
        var byte: UInt8 = 0
        _ = try withUnsafeMutableBytes(of: &byte) { try file.read(into: $0, at: 70) }
        byte ^= 0xFF
        try withUnsafeBytes(of: byte) { try file.write($0, at: 70) }
        try file.syncData()
    }

    @Test func assignmentThatIsNotDurableRebalances() throws {
        let disk = GateDisk()
        let (coordinator, directory) = try coordinator(disk, TestBroker.makeDirectory())
        #expect(try commit(coordinator, "warm", 1).get() == .none)
        var join = GroupJoin()
        join.protocols = [GroupProtocol(name: "range", metadata: "")]
        let joined = Box<JoinAnswer>()
        coordinator.join("g", join) { joined.put($0) }
        disk.set(.failing)
        var sync = GroupSync()
        sync.memberID = try joined.get().memberID
        sync.generation = try joined.get().generation
        let synced = Box<SyncAnswer>()
        coordinator.sync("g", sync) { synced.put($0) }
        #expect(try synced.get().error == .notCoordinator)
        #expect(coordinator.describe("g")?.state == .preparingRebalance)
        coordinator.stop()
        do { try directory.close(now: 0) } catch {}
    }

    @Test func manyThreadsAndStopAnswerEverythingOnce() throws {
        let (coordinator, directory) = try coordinator(PosixDisk(), TestBroker.makeDirectory())
        let joins = Lock<[Box<JoinAnswer>]>([])
        let commits = Lock<[(String, Int64, Box<ErrorCode>)]>([])
        let threads = (0..<6).map { thread in
            NamedThread("groups-\(thread)") {
                for round in 0..<60 as Range<Int64> {
                    let group = "g-\(Int(round) % 4)"
                    var join = GroupJoin()
                    join.protocols = [GroupProtocol(name: "range", metadata: "")]
                    join.rebalanceTimeout = 50
                    let joined = Box<JoinAnswer>()
                    joins.withLock { $0.append(joined) }
                    coordinator.join(group, join) { joined.put($0) }
                    let done = Box<ErrorCode>()
                    coordinator.commit(
                        "own-\(thread)", by: OffsetCommitter(),
                        [OffsetToCommit(topic: "t", partition: 0, offset: round)]
                    ) { done.put($0) }
                    commits.withLock { $0.append(("own-\(thread)", round, done)) }
                    coordinator.tick(at: coordinator.time)
                    if round % 16 == 0 { _ = coordinator.list() }
                }
            }
        }
        for thread in threads { thread.join() }
        for (_, _, done) in commits.withLock({ $0 }) { #expect(try done.get() == .none) }
        for thread in 0..<6 {
            #expect(coordinator.committedOffsets(of: "own-\(thread)")?["t"]?[0]?.offset == 59)
        }
        coordinator.stop()
        for joined in joins.withLock({ $0 }) {
            _ = try joined.get()
            #expect(joined.count == 1)
        }
        try directory.close(now: 0)
    }
}
