import Testing
import VarveSimulation

@testable import VarveClient

@Suite struct AssignorTests {
    private func partitions(_ topic: String, _ numbers: [Int32]) -> [TopicPartition] {
        numbers.map { TopicPartition(topic: topic, partition: $0) }
    }

    private func member(
        _ id: String, _ topics: [String], owned: [TopicPartition] = [], generation: Int32 = -1
    ) -> AssignmentMember {
        AssignmentMember(id: id, topics: topics, owned: owned, generation: generation)
    }

    // MARK: - Range, by the examples in Kafka's RangeAssignor and its tests

    @Test func rangeCutsEachTopicInPieces() {
        let shares = PartitionAssignor.range.assign(
            [member("C1", ["t0", "t1"]), member("C0", ["t0", "t1"])],
            partitionCounts: ["t0": 3, "t1": 3])
        #expect(shares["C0"] == partitions("t0", [0, 1]) + partitions("t1", [0, 1]))
        #expect(shares["C1"] == partitions("t0", [2]) + partitions("t1", [2]))
    }

    @Test func rangeMindsWhoSubscribesToWhat() {
        let shares = PartitionAssignor.range.assign(
            [member("a", ["t"]), member("b", ["t", "u"]), member("c", ["nothing"])],
            partitionCounts: ["t": 1, "u": 2])
        #expect(shares["a"] == partitions("t", [0]))
        #expect(shares["b"] == partitions("u", [0, 1]))
        #expect(shares["c"] == [])
    }

    @Test func staticMembersSortByTheirNames() {
        let shares = PartitionAssignor.range.assign(
            [
                AssignmentMember(id: "a", instanceID: "second", topics: ["t"]),
                AssignmentMember(id: "z", instanceID: "first", topics: ["t"]),
                AssignmentMember(id: "b", topics: ["t"]),
            ], partitionCounts: ["t": 3])
        #expect(shares["z"] == partitions("t", [0]))
        #expect(shares["a"] == partitions("t", [1]))
        #expect(shares["b"] == partitions("t", [2]))
    }

    // MARK: - Cooperative sticky

    @Test func newMemberGetsNothingUntilTheOldOneGivesUp() {
        let all = partitions("t", [0, 1, 2, 3])
        let first = PartitionAssignor.cooperativeSticky.assign(
            [member("a", ["t"], owned: all, generation: 1), member("b", ["t"])],
            partitionCounts: ["t": 4])
        #expect(first["a"] == partitions("t", [0, 1]))
        #expect(first["b"] == [])
        let second = PartitionAssignor.cooperativeSticky.assign(
            [
                member("a", ["t"], owned: first["a"]!, generation: 2),
                member("b", ["t"], generation: 2),
            ], partitionCounts: ["t": 4])
        #expect(second["a"] == partitions("t", [0, 1]))
        #expect(second["b"] == partitions("t", [2, 3]))
    }

    @Test func theLaterGenerationOwnsAndEqualOnesDispute() {
        let zero = partitions("t", [0])
        let later = PartitionAssignor.cooperativeSticky.assign(
            [
                member("a", ["t"], owned: zero, generation: 3),
                member("b", ["t"], owned: zero, generation: 4),
            ], partitionCounts: ["t": 2])
        #expect(later["b"] == zero)
        #expect(later["a"] == partitions("t", [1]))
        let dispute = PartitionAssignor.cooperativeSticky.assign(
            [
                member("a", ["t"], owned: zero, generation: 3),
                member("b", ["t"], owned: zero, generation: 3),
            ], partitionCounts: ["t": 2])
        #expect(dispute["a"]!.count == 1 && dispute["b"]!.count == 1)
    }

    /// Groups that members join and leave at random, with the same topics or different ones: when
    /// they have come to rest, everything is assigned, once, evenly, and rounds never take a
    /// partition from one and give it to another at the same time.
    @Test(arguments: [true, false])
    func randomGroupsComeToRestEvenlyWithoutDoubleOwners(_ isUniform: Bool) {
        var random = Generator("randomGroups.\(isUniform)")
        for _ in 0..<60 {
            let counts = ["t": 1 + random.below(9), "u": 1 + random.below(9), "v": random.below(4)]
            var members: [AssignmentMember] = []
            var generation: Int32 = 0
            for step in 0..<12 {
                if members.isEmpty || random.below(3) > 0 {
                    let topics = ["t", "u", "v"].filter { _ in isUniform || random.below(2) == 0 }
                    members.append(member("m\(step)", topics))
                } else {
                    members.remove(at: random.below(members.count))
                }
                var rounds = 0
                while true {
                    generation += 1
                    rounds += 1
                    let shares = PartitionAssignor.cooperativeSticky.assign(
                        members, partitionCounts: counts)
                    var owners: [TopicPartition: String] = [:]
                    for (id, share) in shares {
                        for partition in share {
                            #expect(owners.updateValue(id, forKey: partition) == nil)
                        }
                    }
                    for member in members {
                        for partition in member.owned where owners[partition] != member.id {
                            #expect(owners[partition] == nil, "torn from \(member.id)")
                        }
                    }
                    let revokes = members.contains { !Set($0.owned).isSubset(of: shares[$0.id]!) }
                    for index in members.indices {
                        members[index].owned = shares[members[index].id]!
                        members[index].generation = generation
                    }
                    if !revokes { break }
                    #expect(rounds < 5)
                }
                check(members, counts)
            }
        }
    }

    private func check(_ members: [AssignmentMember], _ counts: [String: Int]) {
        let owned = members.flatMap(\.owned)
        #expect(Set(owned).count == owned.count)
        let wanted = Set(members.flatMap(\.topics))
        #expect(owned.count == wanted.reduce(0) { $0 + (counts[$1] ?? 0) })
        // Nobody has two more than somebody who could take one of them.
        for giver in members {
            for taker in members where taker.owned.count + 1 < giver.owned.count {
                #expect(!giver.owned.contains { taker.topics.contains($0.topic) })
            }
        }
    }

    @Test func membershipChangesMoveLittle() {
        let topics = ["t"]
        var members = (0..<5).map { member("m\($0)", topics) }
        func settle() {
            for generation in 0..<4 {
                let shares = PartitionAssignor.cooperativeSticky.assign(
                    members, partitionCounts: ["t": 20])
                for index in members.indices {
                    members[index].owned = shares[members[index].id]!
                    members[index].generation = Int32(generation)
                }
            }
        }
        settle()
        let before = Dictionary(uniqueKeysWithValues: members.map { ($0.id, Set($0.owned)) })
        members.removeLast()
        settle()
        for member in members { #expect(before[member.id]!.isSubset(of: member.owned)) }
    }
}
