internal import VarvePlatform

/// Shares partitions out evenly, and leaves each where it was if it can.
///
/// Members with the same topics get numbers of partitions that differ by one at the most, and no
/// assignment that even moves fewer. With different topics the result is as even as the
/// subscriptions allow: there is no chain of moves that would take a partition from one member to
/// another with at least two fewer. Source for that being the optimum: Harvey, Ladner, Lovász,
/// Tamir, "Semi-matchings for bipartite graphs and load balancing", 2006.
enum UniformAssignor {
    static func assign(_ input: AssignorInput) -> [PartitionSet] {
        guard let first = input.members.first else { return [] }
        if input.members.allSatisfy({ $0.topics == first.topics }) { return even(input) }
        var balance = Balance(input)
        return balance.result()
    }

    // MARK: Equal subscriptions

    private static func even(_ input: AssignorInput) -> [PartitionSet] {
        let all = input.members[0].topics.flatMap { index in
            let topic = input.topics[index]
            return (0..<topic.partitionCount).map { PartitionID(topic.id, $0) }
        }
        var free = Set(all)
        var result: [PartitionSet] = []
        for member in input.members {
            // A partition that two members had, which records of ours never say, stays with one.
            let kept = member.previous.intersection(free)
            free.subtract(kept)
            result.append(kept)
        }
        // Whoever had most gets what does not divide evenly: that moves least.
        let order = result.indices.sorted {
            (-result[$0].count, $0) < (-result[$1].count, $1)
        }
        let (share, extra) = all.count.quotientAndRemainder(dividingBy: result.count)
        var shares = [Int](repeating: share, count: result.count)
        for member in order.prefix(extra) { shares[member] += 1 }
        var given = free
        for member in result.indices where result[member].count > shares[member] {
            for partition in all.reversed() where result[member].count > shares[member] {
                if result[member].remove(partition) != nil { given.insert(partition) }
            }
        }
        var pool = all.filter(given.contains)[...]
        for member in order {
            let missing = shares[member] - result[member].count
            guard missing > 0 else { continue }
            result[member].formUnion(pool.prefix(missing))
            pool = pool.dropFirst(missing)
        }
        return result
    }

    // MARK: Different subscriptions

    private struct Balance {
        private let input: AssignorInput
        private var subscribers: [[Int]]
        /// Partitions by member and topic.
        private var owned: [[Int: [Int32]]]
        private var loads: [Int]
        /// Looks left: large groups with many different subscriptions come out less even rather
        /// than late (I8).
        private var looks = 5_000_000

        init(_ input: AssignorInput) {
            self.input = input
            subscribers = Array(repeating: [], count: input.topics.count)
            owned = Array(repeating: [:], count: input.members.count)
            loads = Array(repeating: 0, count: input.members.count)
            for (member, of) in input.members.enumerated() {
                for topic in of.topics { subscribers[topic].append(member) }
            }
        }

        mutating func result() -> [PartitionSet] {
            distribute()
            while improve() {}
            return owned.map { topics in
                var set: PartitionSet = []
                for (topic, partitions) in topics {
                    for partition in partitions {
                        set.insert(PartitionID(input.topics[topic].id, partition))
                    }
                }
                return set
            }
        }

        /// Everything to whoever had it, else to the subscriber with the least; topics with few
        /// subscribers first.
        private mutating func distribute() {
            var previous: [PartitionID: Int] = [:]
            for (index, member) in input.members.enumerated() {
                for partition in member.previous { previous[partition] = index }
            }
            var open: [(topic: Int, partition: Int32)] = []
            for (index, topic) in input.topics.enumerated() where !subscribers[index].isEmpty {
                let entitled = Set(subscribers[index])
                for partition in 0..<topic.partitionCount {
                    let before = previous[PartitionID(topic.id, partition)]
                    if let before, entitled.contains(before) {
                        give(index, partition, to: before)
                    } else {
                        open.append((index, partition))
                    }
                }
            }
            open.sort {
                (subscribers[$0.topic].count, $0.topic, $0.partition)
                    < (subscribers[$1.topic].count, $1.topic, $1.partition)
            }
            for (topic, partition) in open {
                let least = subscribers[topic].min { (loads[$0], $0) < (loads[$1], $1) }!
                give(topic, partition, to: least)
            }
        }

        private mutating func give(_ topic: Int, _ partition: Int32, to member: Int) {
            owned[member][topic, default: []].append(partition)
            loads[member] += 1
        }

        /// One round of moves from the heaviest members on; false when none was left to make.
        private mutating func improve() -> Bool {
            var isBetter = false
            for source in loads.indices.sorted(by: { (-loads[$0], $0) < (-loads[$1], $1) }) {
                while looks > 0, let chain = chain(from: source) {
                    for move in chain { shift(move) }
                    isBetter = true
                }
            }
            return isBetter
        }

        private struct Move {
            let from: Int
            let to: Int
            let topic: Int
        }

        /// The shortest chain of moves that ends at a member with at least two fewer.
        private mutating func chain(from source: Int) -> [Move]? {
            var arrivals: [Int: Move] = [:]
            var seenTopics: Set<Int> = []
            var queue = [source]
            var head = 0
            while head < queue.count, looks > 0 {
                let member = queue[head]
                head += 1
                for topic in owned[member].keys.sorted() where seenTopics.insert(topic).inserted {
                    looks -= subscribers[topic].count
                    for next in subscribers[topic] where next != source && arrivals[next] == nil {
                        arrivals[next] = Move(from: member, to: next, topic: topic)
                        queue.append(next)
                    }
                    let best = subscribers[topic].min { (loads[$0], $0) < (loads[$1], $1) }!
                    if loads[best] <= loads[source] - 2 {
                        return moves(to: best, from: source, arrivals)
                    }
                }
            }
            return nil
        }

        private func moves(to end: Int, from source: Int, _ arrivals: [Int: Move]) -> [Move] {
            var chain: [Move] = []
            var member = end
            while member != source {
                let move = arrivals[member]!
                chain.append(move)
                member = move.from
            }
            return chain
        }

        /// Moves one partition, best one that was not at home where it is, or is where it goes.
        private mutating func shift(_ move: Move) {
            let id = input.topics[move.topic].id
            let partitions = owned[move.from][move.topic]!
            let home = input.members[move.from].previous
            let goal = input.members[move.to].previous
            let index =
                partitions.lastIndex { goal.contains(PartitionID(id, $0)) }
                ?? partitions.lastIndex { !home.contains(PartitionID(id, $0)) }
                ?? partitions.count - 1
            let partition = owned[move.from][move.topic]!.remove(at: index)
            if partitions.count == 1 { owned[move.from][move.topic] = nil }
            loads[move.from] -= 1
            give(move.topic, partition, to: move.to)
        }
    }
}
