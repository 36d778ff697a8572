/// Even shares, and members keep what they have as far as evenness allows. A partition that moves
/// is given to nobody in this round: its owner gives it up and joins again, and the round after
/// that hands it over. So no partition ever has two owners.
///
/// Source: KIP-429; Kafka's CooperativeStickyAssignor and AbstractStickyAssignor, whose results
/// this has where all members subscribe to the same topics. Where they differ, shares are evened
/// out one partition at a time, as there, if not always by the same moves.
enum CooperativeStickyAssignor {
    static func assign(
        _ members: [AssignmentMember], _ partitionCounts: [String: Int]
    ) -> [String: [TopicPartition]] {
        let owners = currentOwners(members)
        var balanced = balance(members, partitionCounts, owners)
        for (member, partitions) in balanced {
            balanced[member] = partitions.filter { owners[$0] == nil || owners[$0] == member }
                .sorted()
        }
        return balanced
    }

    /// Who really holds what: of two who claim the same partition the one with the later
    /// generation, and neither when both have the same.
    private static func currentOwners(_ members: [AssignmentMember]) -> [TopicPartition: String] {
        var claims: [TopicPartition: (member: String, generation: Int32, isDisputed: Bool)] = [:]
        for member in members {
            for partition in member.owned where member.topics.contains(partition.topic) {
                guard let claim = claims[partition] else {
                    claims[partition] = (member.id, member.generation, false)
                    continue
                }
                if member.generation > claim.generation {
                    claims[partition] = (member.id, member.generation, false)
                } else if member.generation == claim.generation {
                    claims[partition]!.isDisputed = true
                }
            }
        }
        return claims.compactMapValues { $0.isDisputed ? nil : $0.member }
    }

    private static func balance(
        _ members: [AssignmentMember], _ partitionCounts: [String: Int],
        _ owners: [TopicPartition: String]
    ) -> [String: [TopicPartition]] {
        let topics = Set(members.flatMap(\.topics)).intersection(partitionCounts.keys)
        let all = topics.flatMap { topic in
            (0..<partitionCounts[topic]!).map { TopicPartition(topic: topic, partition: Int32($0)) }
        }.sorted()
        let isUniform = members.allSatisfy { Set($0.topics) == Set(members[0].topics) }
        return isUniform
            ? uniform(members.map(\.id).sorted(), all, owners)
            : general(members, all, owners)
    }

    /// All members want the same: everyone gets the floor of the mean, the first few one more.
    private static func uniform(
        _ members: [String], _ all: [TopicPartition], _ owners: [TopicPartition: String]
    ) -> [String: [TopicPartition]] {
        guard !members.isEmpty else { return [:] }
        let (quota, extra) = all.count.quotientAndRemainder(dividingBy: members.count)
        var result = Dictionary(uniqueKeysWithValues: members.map { ($0, [TopicPartition]()) })
        var owned: [String: [TopicPartition]] = [:]
        for partition in all {
            if let owner = owners[partition] { owned[owner, default: []].append(partition) }
        }
        // Everyone keeps up to the quota; those who have more keep one more while there are any
        // larger shares to be had.
        var largerShares = extra
        var taken: Set<TopicPartition> = []
        for member in members {
            let held = owned[member] ?? []
            let keepsMore = held.count > quota && largerShares > 0
            if keepsMore { largerShares -= 1 }
            let kept = held.prefix(keepsMore ? quota + 1 : quota)
            result[member] = Array(kept)
            taken.formUnion(kept)
        }
        // The rest goes round, first to those below the quota, then to those at it.
        var free = all.filter { !taken.contains($0) }[...]
        while !free.isEmpty {
            var isFilling = false
            for member in members where result[member]!.count < quota {
                guard let partition = free.popFirst() else { break }
                result[member]!.append(partition)
                isFilling = true
            }
            if isFilling { continue }
            for member in members where result[member]!.count == quota && largerShares > 0 {
                guard let partition = free.popFirst() else { break }
                result[member]!.append(partition)
                largerShares -= 1
            }
        }
        return result
    }

    /// Members want different topics: each free partition goes to the one that has least of those
    /// that want it, and then single partitions move as long as that evens two members out.
    private static func general(
        _ members: [AssignmentMember], _ all: [TopicPartition],
        _ owners: [TopicPartition: String]
    ) -> [String: [TopicPartition]] {
        let members = members.sorted { $0.id < $1.id }
        var wanting: [String: [String]] = [:]
        for member in members {
            for topic in Set(member.topics) { wanting[topic, default: []].append(member.id) }
        }
        var result = Dictionary(uniqueKeysWithValues: members.map { ($0.id, [TopicPartition]()) })
        var free: [TopicPartition] = []
        for partition in all {
            if let owner = owners[partition], wanting[partition.topic]?.contains(owner) == true {
                result[owner]!.append(partition)
            } else {
                free.append(partition)
            }
        }
        func least(_ candidates: [String]) -> String? {
            candidates.min { (result[$0]!.count, $0) < (result[$1]!.count, $1) }
        }
        // Those that fewest want first: they have the least choice.
        free.sort {
            (wanting[$0.topic]?.count ?? 0, $0) < (wanting[$1.topic]?.count ?? 0, $1)
        }
        for partition in free {
            guard let member = least(wanting[partition.topic] ?? []) else { continue }
            result[member]!.append(partition)
        }
        // Each move makes the sum of squares of the shares smaller, so this ends.
        var moved = true
        while moved {
            moved = false
            for giver in members.map(\.id).reversed() {
                for partition in result[giver]!.reversed() {
                    guard let taker = least(wanting[partition.topic] ?? []), taker != giver,
                        result[taker]!.count + 1 < result[giver]!.count
                    else { continue }
                    result[giver]!.removeAll { $0 == partition }
                    result[taker]!.append(partition)
                    moved = true
                }
            }
        }
        return result
    }
}
