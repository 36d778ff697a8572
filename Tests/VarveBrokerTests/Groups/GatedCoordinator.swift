import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// A coordinator on a disk that a test makes sick, and the requests of one group's members.
final class GatedCoordinator {
    let disk = GateDisk()
    private let path = TestBroker.makeDirectory()
    private(set) var coordinator: GroupCoordinator
    private(set) var directory: DataDirectory

    init() throws { (coordinator, directory) = try Self.open(path, disk) }

    private static func open(
        _ path: String, _ disk: GateDisk
    ) throws -> (GroupCoordinator, DataDirectory) {
        try GroupCoordinator.open(path, disk, partitions: 4) { $0.offsetsPartitions = 1 }
    }

    func stop() throws {
        coordinator.stop()
        try directory.close(now: 0)
    }

    /// Stops and starts again, as a broker does.
    func restart() throws {
        try stop()
        (coordinator, directory) = try Self.open(path, disk)
    }

    /// The log of all groups.
    func log() throws -> PartitionLog {
        try #require(directory.topic("__consumer_offsets")).partitions[0]
    }

    /// The disk is well again, and the log is read anew.
    func reopen() throws {
        disk.set(.open)
        _ = try log().reopen(now: 0)
    }

    // MARK: Requests

    func send(
        _ memberID: String, _ epoch: Int32, owned: PartitionSet? = nil
    ) -> Awaited<Result<ConsumerAnswer, ConsumerRefusal>> {
        var request = ConsumerHeartbeat()
        request.memberID = memberID
        request.epoch = epoch
        request.owned = owned
        if epoch == 0 {
            request.rebalanceTimeout = 60_000
            request.topicNames = ["t"]
            request.owned = []
        }
        let answer = Awaited<Result<ConsumerAnswer, ConsumerRefusal>>()
        coordinator.beat("g", request) { answer.answer($0) }
        return answer
    }

    func beat(
        _ memberID: String, _ epoch: Int32, owned: PartitionSet? = nil
    ) throws -> Result<ConsumerAnswer, ConsumerRefusal> {
        try send(memberID, epoch, owned: owned).get()
    }

    /// Joins by the classic protocol, as a new member where `memberID` is empty.
    func join(_ memberID: String = "") throws -> JoinAnswer {
        var request = GroupJoin()
        request.memberID = memberID
        request.protocols = [
            GroupProtocol(name: "range", metadata: CoordinatorFixture.subscription("t"))
        ]
        let answer = Awaited<JoinAnswer>()
        coordinator.join("g", request) { answer.answer($0) }
        return try answer.get()
    }

    func sync(_ member: JoinAnswer) throws -> ErrorCode {
        var request = GroupSync()
        request.memberID = member.memberID
        request.generation = member.generation
        let answer = Awaited<SyncAnswer>()
        coordinator.sync("g", request) { answer.answer($0) }
        return try answer.get().error
    }
}

extension GroupCoordinator {
    /// One that is loaded, in the directory at `path`, where a topic "t" is.
    static func open(
        _ path: String, _ disk: any Disk, partitions: Int,
        _ change: (inout GroupSettings) -> Void
    ) throws -> (GroupCoordinator, DataDirectory) {
        let clock = SystemClock()
        let directory = try DataDirectory.open(
            path: path, disk: disk, options: DataDirectoryOptions(),
            now: clock.wallMilliseconds(), logger: nil)
        if directory.topic("t") == nil {
            _ = try directory.createTopic(
                "t", partitions: partitions, now: clock.wallMilliseconds())
        }
        var settings = GroupSettings()
        settings.limits.initialRebalanceDelay = 0
        change(&settings)
        let coordinator = GroupCoordinator(
            directory: directory, clock: clock, settings: settings,
            logger: Logger("groups", sink: { _ in }))
        coordinator.load()
        return (coordinator, directory)
    }
}
