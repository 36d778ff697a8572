import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// A clock that stands until it is moved.
final class HandClock: Clock, Sendable {
    private let time = Lock<(monotonic: Int64, wall: Int64)>((1_000, 1_700_000_000_000))

    func wallMilliseconds() -> Int64 { time.withLock { $0.wall } }
    func monotonicMilliseconds() -> Int64 { time.withLock { $0.monotonic } }

    func pass(_ milliseconds: Int64) {
        time.withLock {
            $0.monotonic += milliseconds
            $0.wall += milliseconds
        }
    }
}

/// An answer that comes some time, and must come once.
final class Awaited<Value: Sendable>: Sendable {
    private let box = Lock<[Value]>([])

    func answer(_ value: Value) {
        box.withLock {
            $0.append(value)
            #expect($0.count == 1, "answered twice")
        }
        box.signal()
    }

    /// Nil while it has not come.
    var value: Value? { box.withLock { $0.first } }

    /// Waits for it.
    func get() throws -> Value {
        try #require(box.wait(timeoutMilliseconds: 10_000) { $0.first })
    }
}

/// A coordinator on a real data directory whose commits the test makes by hand.
final class CoordinatorFixture {
    let clock = HandClock()
    let path: String
    private(set) var directory: DataDirectory
    private(set) var coordinator: GroupCoordinator
    var settings: GroupSettings

    init(_ change: (inout GroupSettings) -> Void = { _ in }) throws {
        path = NSTemporaryDirectory() + "varve-groups-\(UniqueID.random())"
        settings = GroupSettings()
        settings.offsetsPartitions = 3
        settings.limits.initialRebalanceDelay = 0
        change(&settings)
        directory = try Self.open(path, clock)
        coordinator = GroupCoordinator(
            directory: directory, clock: clock, settings: settings, logger: Self.silent)
        coordinator.load()
        _ = try directory.createTopic(
            "events", partitions: 6, overrides: [:], now: clock.wallMilliseconds())
    }

    deinit {
        do {
            try directory.close(now: clock.wallMilliseconds())
            try FileManager.default.removeItem(atPath: path)
        } catch {
            Issue.record("cannot clean up \(path): \(error)")
        }
    }

    static let silent = Logger("groups", levelMin: .error)

    private static func open(_ path: String, _ clock: HandClock) throws -> DataDirectory {
        try DataDirectory.open(
            path: path, disk: PosixDisk(), options: DataDirectoryOptions(commit: .manual),
            now: clock.wallMilliseconds(), logger: nil)
    }

    /// Stops and starts again, as a broker does.
    func restart() throws {
        coordinator.stop()
        try directory.close(now: clock.wallMilliseconds())
        directory = try Self.open(path, clock)
        coordinator = GroupCoordinator(
            directory: directory, clock: clock, settings: settings, logger: Self.silent)
        coordinator.load()
    }

    func pass(_ milliseconds: Int64) {
        clock.pass(milliseconds)
        coordinator.tick(at: coordinator.time)
    }

    // MARK: Verbs

    func join(
        _ group: String = "g", _ change: (inout GroupJoin) -> Void = { _ in }
    ) -> Awaited<JoinAnswer> {
        var request = GroupJoin()
        request.clientID = "client"
        request.protocols = [GroupProtocol(name: "range", metadata: Self.subscription("events"))]
        change(&request)
        let answer = Awaited<JoinAnswer>()
        coordinator.join(group, request) { answer.answer($0) }
        return answer
    }

    static func subscription(_ topics: String...) -> ByteSlice {
        var subscription = ConsumerSubscription()
        subscription.topics = topics
        do {
            return try subscription.encoded()
        } catch {
            preconditionFailure("\(error)")
        }
    }

    func sync(
        _ member: JoinAnswer, in group: String = "g", _ assignments: [String: ByteSlice] = [:]
    ) -> Awaited<SyncAnswer> {
        var request = GroupSync()
        request.memberID = member.memberID
        request.generation = member.generation
        request.assignments = assignments
        let answer = Awaited<SyncAnswer>()
        coordinator.sync(group, request) { answer.answer($0) }
        return answer
    }

    /// A stable group with one member; the member's join answer.
    func settle(_ group: String = "g") throws -> JoinAnswer {
        let joined = try #require(join(group).value)
        let synced = sync(joined, in: group, [joined.memberID: "mine"])
        directory.commitNow()
        #expect(synced.value?.error == ErrorCode.none)
        return joined
    }

    func commit(
        _ group: String, _ offset: Int64, topic: String = "events", partition: Int32 = 0,
        by member: JoinAnswer? = nil, _ change: (inout OffsetCommitter) -> Void = { _ in }
    ) -> Awaited<ErrorCode> {
        var committer = OffsetCommitter()
        if let member {
            committer.memberID = member.memberID
            committer.generation = member.generation
        }
        change(&committer)
        let answer = Awaited<ErrorCode>()
        coordinator.commit(
            group, by: committer,
            [OffsetToCommit(topic: topic, partition: partition, offset: offset)]
        ) { answer.answer($0) }
        return answer
    }

    func offset(_ group: String, topic: String = "events", partition: Int32 = 0) -> Int64? {
        coordinator.committedOffsets(of: group)?[topic]?[partition]?.offset
    }

    func delete(_ group: String) -> Awaited<ErrorCode> {
        let answer = Awaited<ErrorCode>()
        coordinator.delete(group) { answer.answer($0) }
        return answer
    }
}
