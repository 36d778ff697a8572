import Testing
import VarvePlatform
import VarveSimulation

@testable import VarveBroker

/// What the broker's assignors promise, for random groups.
@Suite struct ServerAssignorTests {
    private static func topic(_ number: Int, _ partitions: Int32) -> CatalogTopic {
        CatalogTopic(
            id: UniqueID(high: 1, low: UInt64(number)), partitionCount: partitions)
    }

    private static func input(
        _ counts: [Int32], _ members: [(id: String, topics: [Int])],
        previous: [String: PartitionSet] = [:]
    ) -> AssignorInput {
        AssignorInput(
            topics: counts.enumerated().map { topic($0.offset, $0.element) },
            members: members.sorted { $0.id < $1.id }.map {
                AssignorInput.Member(
                    id: $0.id, instanceID: nil, topics: $0.topics, previous: previous[$0.id] ?? [])
            })
    }

    private static func random(_ random: inout Generator, isEqual: Bool) -> AssignorInput {
        let counts = (0..<random.int(1...5)).map { _ in Int32(random.below(8)) }
        let all = Array(counts.indices)
        return input(
            counts,
            (0..<random.int(1...7)).map { number in
                (
                    "m\(number)",
                    isEqual ? all : all.filter { _ in random.below(2) == 0 }
                )
            })
    }

    /// The next group: members and topics come and go, with what they had.
    private static func next(
        after input: AssignorInput, _ result: [PartitionSet], _ random: inout Generator,
        isEqual: Bool
    ) -> AssignorInput {
        let had = Dictionary(uniqueKeysWithValues: zip(input.members.map(\.id), result))
        let fresh = Self.random(&random, isEqual: isEqual)
        return AssignorInput(
            topics: fresh.topics,
            members: fresh.members.map {
                AssignorInput.Member(
                    id: $0.id, instanceID: nil, topics: $0.topics, previous: had[$0.id] ?? [])
            })
    }

    private static func check(_ input: AssignorInput, _ result: [PartitionSet]) {
        #expect(result.count == input.members.count)
        var seen: [PartitionID: Int] = [:]
        for (member, set) in result.enumerated() {
            let read = Set(input.members[member].topics.map { input.topics[$0].id })
            for partition in set {
                seen[partition, default: 0] += 1
                #expect(read.contains(partition.topic), "a topic it does not subscribe to")
            }
        }
        for (index, topic) in input.topics.enumerated() {
            let isRead = input.members.contains { $0.topics.contains(index) }
            for number in 0..<topic.partitionCount {
                let count = seen.removeValue(forKey: PartitionID(topic.id, number)) ?? 0
                #expect(count == (isRead ? 1 : 0), "each partition has one owner")
            }
        }
        #expect(seen.isEmpty, "partitions that there are not")
    }

    @Test(arguments: Assignor.allCases, [true, false])
    func everyPartitionHasOneOwner(assignor: Assignor, isEqual: Bool) {
        var random = Generator("everyPartitionHasOneOwner \(assignor) \(isEqual)")
        for _ in 0..<150 {
            var input = Self.random(&random, isEqual: isEqual)
            for _ in 0..<4 {
                let result = assignor.assign(input)
                Self.check(input, result)
                #expect(assignor.assign(input) == result, "the same again")
                input = Self.next(after: input, result, &random, isEqual: isEqual)
            }
        }
    }

    @Test func uniformIsEvenAndMovesTheLeast() {
        var random = Generator("uniformIsEvenAndMovesTheLeast")
        for _ in 0..<300 {
            var input = Self.random(&random, isEqual: true)
            for _ in 0..<4 {
                let result = Assignor.uniform.assign(input)
                let counts = result.map(\.count)
                #expect(counts.max()! - counts.min()! <= 1)
                #expect(Self.kept(input, result) == Self.keptMost(input), "it moves the least")
                input = Self.next(after: input, result, &random, isEqual: true)
            }
        }
    }

    private static func kept(_ input: AssignorInput, _ result: [PartitionSet]) -> Int {
        zip(input.members, result).reduce(0) { $0 + $1.0.previous.intersection($1.1).count }
    }

    /// The most partitions that any even assignment could leave where they are.
    private static func keptMost(_ input: AssignorInput) -> Int {
        var all: PartitionSet = []
        for topic in input.topics {
            for number in 0..<topic.partitionCount { all.insert(PartitionID(topic.id, number)) }
        }
        let had = input.members.map { $0.previous.intersection(all).count }.sorted(by: >)
        let (share, extra) = all.count.quotientAndRemainder(dividingBy: had.count)
        return had.enumerated().reduce(0) {
            $0 + min($1.element, share + ($1.offset < extra ? 1 : 0))
        }
    }

    /// Different subscriptions: against the best of all assignments, on small groups.
    @Test func uniformIsAsEvenAsCanBe() {
        var random = Generator("uniformIsAsEvenAsCanBe")
        for _ in 0..<150 {
            let counts = (0..<random.int(1...3)).map { _ in Int32(random.below(4)) }
            let members = (0..<random.int(2...3)).map { number in
                ("m\(number)", counts.indices.filter { _ in random.below(3) > 0 })
            }
            var previous: [String: PartitionSet] = [:]
            for _ in 0..<2 {
                let input = Self.input(counts, members, previous: previous)
                let result = Assignor.uniform.assign(input)
                Self.check(input, result)
                let squares = result.reduce(0) { $0 + $1.count * $1.count }
                #expect(squares == Self.leastSquares(input), "\(counts) \(members)")
                for (member, _) in members {
                    previous[member] = random.below(2) == 0 ? result.first : nil
                }
            }
        }
    }

    private static func leastSquares(_ input: AssignorInput) -> Int {
        var choices: [[Int]] = []
        for (index, topic) in input.topics.enumerated() {
            let readers = input.members.indices.filter {
                input.members[$0].topics.contains(index)
            }
            guard !readers.isEmpty else { continue }
            for _ in 0..<topic.partitionCount { choices.append(readers) }
        }
        var loads = [Int](repeating: 0, count: input.members.count)
        var best = Int.max
        func place(_ index: Int) {
            if index == choices.count {
                best = min(best, loads.reduce(0) { $0 + $1 * $1 })
                return
            }
            for member in choices[index] {
                loads[member] += 1
                place(index + 1)
                loads[member] -= 1
            }
        }
        place(0)
        return best
    }

    @Test func aChainOfMovesIsFound() {
        // a can only give to b, and b only to c: no single move helps.
        let id = (0..<2).map { Self.topic($0, 0).id }
        let previous: [String: PartitionSet] = [
            "a": [PartitionID(id[0], 0), PartitionID(id[0], 1), PartitionID(id[0], 2)],
            "b": [PartitionID(id[1], 0), PartitionID(id[1], 1)],
            "c": [PartitionID(id[1], 2)],
        ]
        let input = Self.input(
            [3, 3], [("a", [0]), ("b", [0, 1]), ("c", [1])], previous: previous)
        let result = Assignor.uniform.assign(input)
        #expect(result.map(\.count) == [2, 2, 2])
        #expect(Self.kept(input, result) == 4)
    }

    @Test func rangesAreContiguousAndAlikeForTopicsAlike() {
        let input = Self.input([7, 7, 2], [("a", [0, 1, 2]), ("b", [0, 1, 2]), ("c", [0, 1, 2])])
        let result = Assignor.range.assign(input)
        let numbers = result.map { set in
            input.topics.map { topic in
                set.filter { $0.topic == topic.id }.map(\.partition).sorted()
            }
        }
        #expect(
            numbers == [[[0, 1, 2], [0, 1, 2], [0]], [[3, 4], [3, 4], [1]], [[5, 6], [5, 6], []]])
    }

    @Test func rangesFollowTheInstanceIDs() {
        func assign(_ members: [(id: String, instanceID: String?)]) -> [String: [Int32]] {
            let input = AssignorInput(
                topics: [Self.topic(0, 4)],
                members: members.map {
                    AssignorInput.Member(
                        id: $0.id, instanceID: $0.instanceID, topics: [0], previous: [])
                })
            let result = Assignor.range.assign(input)
            return Dictionary(
                uniqueKeysWithValues: zip(members, result).map {
                    ($0.instanceID ?? $0.id, $1.map(\.partition).sorted())
                })
        }
        let before = assign([("a", "one"), ("b", "two")])
        let after = assign([("y", "two"), ("z", "one")])
        #expect(before == after)
        #expect(before == ["one": [0, 1], "two": [2, 3]])
        #expect(assign([("a", nil), ("b", "two")]) == ["two": [0, 1], "a": [2, 3]])
    }

    @Test func largeGroupsTakeNoTime() {
        var random = Generator("largeGroupsTakeNoTime")
        let counts = [Int32](repeating: 10, count: 200)
        let members = (0..<300).map { number in
            ("m\(number)", counts.indices.filter { _ in random.below(10) == 0 })
        }
        let start = ContinuousClock.now
        let input = Self.input(counts, members)
        Self.check(input, Assignor.uniform.assign(input))
        #expect(ContinuousClock.now - start < .seconds(20))
    }
}
