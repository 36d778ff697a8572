import Testing
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// What a consumer group makes of its records, whatever a disk has left of them.
struct ConsumerRestoreTests {
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
