import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// Consumer groups while the disk is sick.
@Suite(.serialized) struct ConsumerFaultTests {
    private func open(
        _ disk: any Disk, _ path: String, _ change: (inout GroupSettings) -> Void = { _ in }
    ) throws -> (GroupCoordinator, DataDirectory) {
        let clock = SystemClock()
        let directory = try DataDirectory.open(
            path: path, disk: disk, options: DataDirectoryOptions(),
            now: clock.wallMilliseconds(), logger: nil)
        if directory.topic("t") == nil {
            _ = try directory.createTopic("t", partitions: 4, now: clock.wallMilliseconds())
        }
        var settings = GroupSettings()
        settings.offsetsPartitions = 1
        change(&settings)
        let coordinator = GroupCoordinator(
            directory: directory, clock: clock, settings: settings,
            logger: Logger("groups", sink: { _ in }))
        coordinator.load()
        return (coordinator, directory)
    }

    private func beat(
        _ coordinator: GroupCoordinator, _ memberID: String, _ epoch: Int32,
        owned: PartitionSet? = nil
    ) throws -> Result<ConsumerAnswer, ConsumerRefusal> {
        var request = ConsumerHeartbeat()
        request.memberID = memberID
        request.epoch = epoch
        request.owned = owned
        if epoch == 0 {
            request.rebalanceTimeout = 60_000
            request.topicNames = ["t"]
            request.owned = []
        }
        let answers = Lock<[Result<ConsumerAnswer, ConsumerRefusal>]>([])
        coordinator.beat("g", request) { answer in
            answers.withLock { $0.append(answer) }
            answers.signal()
        }
        return try #require(answers.wait(timeoutMilliseconds: 10_000) { $0.first })
    }

    @Test(arguments: [GateDisk.Gate.failing, .losing])
    func whatAFailedSyncMayHaveLostIsWrittenAgain(fault: GateDisk.Gate) throws {
        let disk = GateDisk()
        let path = TestBroker.makeDirectory()
        var (coordinator, directory) = try open(disk, path)
        let all = try #require(try beat(coordinator, "a", 0).get().assignment)
        disk.set(fault)
        let refusal = ConsumerRefusal(error: .notCoordinator)
        #expect(try beat(coordinator, "b", 0) == .failure(refusal))
        #expect(try beat(coordinator, "a", 1) == .failure(refusal), "its answer rests on it too")
        disk.set(.open)
        #expect(try beat(coordinator, "a", 1) == .failure(refusal), "offline until reopened")
        let log = try #require(directory.topic("__consumer_offsets")).partitions[0]
        _ = try log.reopen(now: 0)

        // Nobody was told of what was lost, so it may stand; and now it is there.
        let kept = try #require(try beat(coordinator, "a", 1).get().assignment)
        #expect(kept.count == 2)
        #expect(try beat(coordinator, "a", 1, owned: kept).get().epoch == 2)
        #expect(try beat(coordinator, "b", 0).get().assignment == all.subtracting(kept))
        let before = try #require(coordinator.describeConsumers("g"))
        coordinator.stop()
        try directory.close(now: 0)

        (coordinator, directory) = try open(disk, path)
        let after = try #require(coordinator.describeConsumers("g"))
        #expect(after.epoch == before.epoch && after.assignmentEpoch == before.assignmentEpoch)
        #expect(after.owners == before.owners)
        #expect(after.members.keys.sorted() == ["a", "b"])
        #expect(after.members.mapValues(\.epoch) == before.members.mapValues(\.epoch))
        coordinator.stop()
        try directory.close(now: 0)
    }

    /// The log may have the group as it was, or as it was to be: what is written next leaves
    /// nothing of the other.
    @Test(arguments: [GateDisk.Gate.failing, .losing])
    func aConversionThatMayBeLostIsWrittenAgain(fault: GateDisk.Gate) throws {
        let disk = GateDisk()
        let path = TestBroker.makeDirectory()
        var (coordinator, directory) = try open(disk, path) { $0.limits.initialRebalanceDelay = 0 }
        var request = GroupJoin()
        request.protocols = [
            GroupProtocol(name: "range", metadata: CoordinatorFixture.subscription("t"))
        ]
        func join() throws -> JoinAnswer {
            let box = Lock<[JoinAnswer]>([])
            coordinator.join("g", request) { answer in
                box.withLock { $0.append(answer) }
                box.signal()
            }
            return try #require(box.wait(timeoutMilliseconds: 10_000) { $0.first })
        }
        func sync(_ member: JoinAnswer) throws -> ErrorCode {
            var sync = GroupSync()
            sync.memberID = member.memberID
            sync.generation = member.generation
            let box = Lock<[ErrorCode]>([])
            coordinator.sync("g", sync) { answer in
                box.withLock { $0.append(answer.error) }
                box.signal()
            }
            return try #require(box.wait(timeoutMilliseconds: 10_000) { $0.first })
        }
        func reopen() throws {
            disk.set(.open)
            let log = try #require(directory.topic("__consumer_offsets")).partitions[0]
            _ = try log.reopen(now: 0)
        }
        func restart() throws {
            coordinator.stop()
            try directory.close(now: 0)
            (coordinator, directory) = try open(disk, path) {
                $0.limits.initialRebalanceDelay = 0
            }
        }
        let first = try join()
        #expect(try sync(first) == .none)
        disk.set(fault)
        let refusal = ConsumerRefusal(error: .notCoordinator)
        #expect(try beat(coordinator, "new", 0) == .failure(refusal))
        try reopen()
        #expect(try beat(coordinator, "new", 0).get().memberID == "new")
        let entry = try #require(coordinator.entry(of: "g"))
        #expect(entry.state.withLock { $0.consumers!.suspects.isEmpty })
        let members = Set(try #require(coordinator.describeConsumers("g")).members.keys)
        try restart()
        #expect(coordinator.describeConsumers("g").map { Set($0.members.keys) } == members)

        disk.set(fault)
        #expect(try beat(coordinator, "new", -1) == .failure(refusal))
        #expect(coordinator.describe("g")?.members.count == 1)
        try reopen()
        request.memberID = first.memberID
        let leader = try join()
        #expect(leader.leader == first.memberID)
        #expect(try sync(leader) == .none)
        #expect(
            try #require(coordinator.entry(of: "g")).state.withLock { $0.former == nil },
            "nothing of it is left in the log")
        try restart()
        #expect(coordinator.describe("g")?.state == .stable)
        #expect(
            try #require(coordinator.entry(of: "g")).state.withLock { $0.former == nil })
        coordinator.stop()
        try directory.close(now: 0)
    }

    @Test func recordsThatDoNotParseCostTheMembersAndNotTheOffsets() throws {
        let path = TestBroker.makeDirectory()
        var (coordinator, directory) = try open(PosixDisk(), path)
        _ = try beat(coordinator, "a", 0).get()
        let log = try #require(directory.topic("__consumer_offsets")).partitions[0]
        var records = GroupRecords(group: "g", now: 0)
        try records.add(.current("a"), "\u{0}\u{0}\u{1}")
        try records.add(
            topic: "t", partition: 0, CommittedOffset(offset: 7, commitTime: 1 << 60))
        _ = try log.append(try records.finish(), now: 0)
        coordinator.stop()
        try directory.close(now: 0)

        (coordinator, directory) = try open(PosixDisk(), path)
        #expect(coordinator.describeConsumers("g")?.members.isEmpty == true)
        #expect(coordinator.committedOffsets(of: "g")?["t"]?[0]?.offset == 7)
        #expect(try beat(coordinator, "b", 0).get().assignment?.count == 4)
        coordinator.stop()
        try directory.close(now: 0)

        // What belonged to nobody went with it.
        (coordinator, directory) = try open(PosixDisk(), path)
        #expect(coordinator.describeConsumers("g")?.members.keys.sorted() == ["b"])
        coordinator.stop()
        try directory.close(now: 0)
    }

    @Test func noTwoOwnersComeFromAnyRecords() throws {
        var records: [ConsumerRecordID: ByteSlice] = [:]
        let topic = UniqueID(high: 1, low: 1)
        for (id, numbers) in [("a", [Int32(0), 1]), ("b", [1, 2]), ("nobody", [3])] {
            records[.member(id)] = try ConsumerGroupMemberMetadataValue().encoded()
            records[.current(id)] = try ConsumerGroupCurrentMemberValue {
                $0.memberEpoch = .max
                $0.state = 99
                $0.assignedPartitions = [
                    ConsumerTopicPartitions {
                        $0.topicId = topic
                        $0.partitions = numbers
                    }
                ]
            }.encoded()
        }
        records[.group] = try ConsumerGroupMetadataValue { $0.epoch = .max }.encoded()
        records[.member("nobody")] = nil
        var group = try ConsumerGroup(
            id: "g", restoring: records, limits: ConsumerLimits(), at: 0)
        #expect(group.members["a"]?.assigned.count == 2)
        #expect(group.members["a"]?.state == .waiting)
        #expect(group.members["b"] == nil)
        #expect(group.owners.count == 2)
        // Epochs at their end do not trap.
        var request = ConsumerHeartbeat()
        request.memberID = "a"
        request.epoch = .max
        request.owned = []
        request.topicNames = ["t"]
        _ = try group.heartbeat(request, topics: TopicCatalog(version: 1, topics: [:]), at: 1)
        #expect(group.epoch == 2)
    }

    // MARK: A batch lost before one that is not

    private static let topic = UniqueID(high: 1, low: 1)

    /// Records of a group in epoch 9, which reads the partitions 0 and 1 of one topic.
    private func records(
        _ members: [(id: String, epoch: Int32, assigned: [Int32], target: [Int32])]
    ) throws -> [ConsumerRecordID: ByteSlice] {
        func partitions(_ numbers: [Int32]) -> [ConsumerTopicPartitions] {
            [
                ConsumerTopicPartitions {
                    $0.topicId = Self.topic
                    $0.partitions = numbers
                }
            ]
        }
        var records: [ConsumerRecordID: ByteSlice] = [:]
        records[.group] = try ConsumerGroupMetadataValue { $0.epoch = 9 }.encoded()
        records[.assignment] = try ConsumerGroupTargetMetadataValue {
            $0.assignmentEpoch = 9
        }.encoded()
        records[.topics] = try ConsumerGroupPartitionMetadataValue {
            $0.topics = [
                ConsumerGroupPartitionMetadataValue.Topic {
                    $0.topicId = Self.topic
                    $0.topicName = "t"
                    $0.numPartitions = 2
                }
            ]
        }.encoded()
        for member in members {
            records[.member(member.id)] = try ConsumerGroupMemberMetadataValue {
                $0.subscribedTopicNames = ["t"]
            }.encoded()
            records[.target(member.id)] = try ConsumerGroupTargetMemberValue {
                $0.topicPartitions = partitions(member.target)
            }.encoded()
            records[.current(member.id)] = try ConsumerGroupCurrentMemberValue {
                $0.memberEpoch = member.epoch
                $0.assignedPartitions = partitions(member.assigned)
            }.encoded()
        }
        return records
    }

    private func restored(
        _ members: [(id: String, epoch: Int32, assigned: [Int32], target: [Int32])]
    ) throws -> ConsumerGroup {
        try ConsumerGroup(
            id: "g", restoring: records(members), limits: ConsumerLimits(), at: 0)
    }

    @Test func recordsThatFitTogetherAreTakenAsTheyAre() throws {
        let group = try restored([("a", 9, [0], [0]), ("b", 8, [], [1])])
        #expect(group.changes.isEmpty)
        #expect(group.epoch == 9)
    }

    /// The batch that took `a` out is lost, that which gave its partition to `b` is not.
    @Test func aMemberWhoseSuccessorWorksAlreadyIsOut() throws {
        let group = try restored([("a", 7, [0, 1], [0]), ("b", 9, [1], [1])])
        #expect(Set(group.members.keys) == ["b"])
        #expect(group.owners == [PartitionID(Self.topic, 1): "b"])
        #expect(group.epoch == 10 && group.assignmentEpoch == 9)
        #expect(group.changes.isSuperset(of: [.group, .member("a"), .current("a")]))
    }

    /// Half of an assignment is lost: nobody is to read a partition, or two are.
    @Test(arguments: [[[0], []], [[0, 1], [1]], [[], []]] as [[[Int32]]])
    func targetsThatAreNotAllOfOneEpochAreMadeAnew(targets: [[Int32]]) throws {
        let group = try restored([("a", 8, [0], targets[0]), ("b", 8, [1], targets[1])])
        #expect(group.members.count == 2)
        #expect(group.epoch == 10 && group.state == .assigning)
    }

    @Test func aMemberThatHasNotGotToItsTargetIsLedThere() throws {
        let group = try restored([("a", 9, [], [0]), ("b", 9, [1], [1])])
        #expect(group.epoch == 10 && group.state == .assigning)
    }

    /// The epoch's own record is lost: its number is not given out twice.
    @Test func theEpochIsNeverLowerThanAMembers() throws {
        let group = try restored([("a", 12, [0], [0]), ("b", 9, [1], [1])])
        #expect(group.epoch == 13)
    }
}
