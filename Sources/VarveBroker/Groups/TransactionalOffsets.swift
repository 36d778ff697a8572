/// A group's offsets in transactions that are open: they count when the transaction commits.
///
/// Of several words on one partition the one that stands later in the log counts in the end, as
/// it does for compaction, whenever their transactions commit. So what comes behind takes back what
/// stands before it as soon as it counts itself.
struct TransactionalOffsets: Sendable {
    typealias Change = GroupEntry.State.Change

    private struct Entry {
        let change: Change
        /// Its place among all that were appended.
        let number: Int
    }

    private var entries: [Int64: [String: [Int32: Entry]]] = [:]
    private var numberNext = 0

    var isEmpty: Bool { entries.isEmpty }
    var producers: some Sequence<Int64> { entries.keys }

    /// The partitions that have such an offset.
    var partitions: [String: Set<Int32>] {
        var found: [String: Set<Int32>] = [:]
        for topics in entries.values {
            for (topic, partitions) in topics {
                found[topic, default: []].formUnion(partitions.keys)
            }
        }
        return found
    }

    /// All of them, in no order.
    var changes: [Change] {
        entries.values.flatMap { $0.values.flatMap { $0.values.map(\.change) } }
    }

    /// The offsets are in the log, in the transaction of `producerID`.
    mutating func append(_ changes: [Change], of producerID: Int64) {
        for change in changes {
            entries[producerID, default: [:]][change.topic, default: [:]][change.partition] =
                Entry(change: change, number: numberNext)
            numberNext += 1
        }
    }

    /// A later word on the partition counts, outside of any transaction.
    mutating func forget(_ topic: String, _ partition: Int32) {
        forget(topic, partition, before: numberNext)
    }

    private mutating func forget(_ topic: String, _ partition: Int32, before number: Int) {
        for producerID in entries.keys {
            guard let entry = entries[producerID]?[topic]?[partition], entry.number < number else {
                continue
            }
            entries[producerID]![topic]![partition] = nil
            if entries[producerID]![topic]!.isEmpty { entries[producerID]![topic] = nil }
            if entries[producerID]!.isEmpty { entries[producerID] = nil }
        }
    }

    /// The transaction is over; what counts now, if it commits.
    mutating func end(_ producerID: Int64, commits: Bool) -> [Change] {
        guard let ended = entries.removeValue(forKey: producerID), commits else { return [] }
        var counting: [Change] = []
        for (topic, partitions) in ended {
            for (partition, entry) in partitions {
                counting.append(entry.change)
                forget(topic, partition, before: entry.number)
            }
        }
        return counting
    }
}
