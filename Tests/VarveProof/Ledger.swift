package import VarveLog
internal import VarvePlatform

/// What a data directory must hold and what it may hold, kept apart from the log: in memory for
/// the simulated disk, or in a file of lines where a process or the machine is about to die.
///
/// `LedgerLine` says how an event looks in a file.
package struct Ledger: Equatable, Sendable {
    package struct TopicLedger: Equatable, Sendable {
        /// Its creation or deletion has not returned: it may be there or not.
        var isUncertain: Bool
        package var partitions: [PartitionLedger]
    }

    package var topics: [String: TopicLedger] = [:]

    package init() {}

    /// Something that happened, in the order it happened.
    package enum Event: Equatable, Sendable {
        case creating(topic: String, partitions: Int, isCompacted: Bool)
        case created(topic: String)
        case deleting(topic: String)
        case deleted(topic: String)
        /// About to append; whether it was is known when `appended` follows.
        case appending(topic: String, partition: Int, ProofBatch)
        case appended(topic: String, partition: Int, ProofBatch, base: Int64, next: Int64)
        /// Everything below `end` was acknowledged.
        case acknowledged(topic: String, partition: Int, end: Int64)
        /// A trim or retention up to `start` begins, or has returned.
        case trimming(topic: String, partition: Int, start: Int64)
        case trimmed(topic: String, partition: Int, start: Int64)
        /// The partition was recovered: what was not acknowledged before may be there or not.
        case recovered(topic: String, partition: Int)
    }

    package mutating func note(_ event: Event) {
        switch event {
        case .creating(let topic, let partitions, let isCompacted):
            topics[topic] = TopicLedger(
                isUncertain: true,
                partitions: .init(
                    repeating: PartitionLedger(isCompacted: isCompacted), count: partitions))
        case .created(let topic): topics[topic]!.isUncertain = false
        case .deleting(let topic): topics[topic]!.isUncertain = true
        case .deleted(let topic): topics[topic] = nil
        case .appending(let topic, let partition, let batch):
            topics[topic]!.partitions[partition].uncertain.append(batch)
        case .appended(let topic, let partition, let batch, let base, let next):
            topics[topic]!.partitions[partition].appended(batch, at: base, nextOffset: next)
        case .acknowledged(let topic, let partition, let end):
            guard topics[topic] != nil else { return }
            topics[topic]!.partitions[partition].durableEnd = max(
                topics[topic]!.partitions[partition].durableEnd, end)
        case .trimming(let topic, let partition, let start):
            topics[topic]!.partitions[partition].startMax = max(
                topics[topic]!.partitions[partition].startMax, start)
        case .trimmed(let topic, let partition, let start):
            topics[topic]!.partitions[partition].startOffset = max(
                topics[topic]!.partitions[partition].startOffset, start)
        case .recovered(let topic, let partition):
            topics[topic]?.partitions[partition].recovered()
        }
    }

    /// Holds a directory that has just been opened against the ledger; returns what is broken, as
    /// sentences. What is readable counts as shown from now on.
    package mutating func check(_ directory: DataDirectory) -> [String] {
        var broken: [String] = []
        for report in directory.recovery.partitions {
            for damage in report.damages where damage.kind == .corruption {
                // A crash tears what was not durable; it corrupts nothing that was.
                broken.append("corruption reported: \(damage)")
            }
        }
        for name in topics.keys.sorted() {
            guard let topic = directory.topic(name) else {
                if !topics[name]!.isUncertain { broken.append("topic \(name) is gone") }
                topics[name] = nil
                continue
            }
            guard topic.partitions.count == topics[name]!.partitions.count else {
                broken.append("topic \(name) has \(topic.partitions.count) partitions")
                continue
            }
            topics[name]!.isUncertain = false
            for (index, log) in topic.partitions.enumerated() {
                for sentence in topics[name]!.partitions[index].check(log) {
                    broken.append("\(name)/\(index): \(sentence)")
                }
            }
        }
        for topic in directory.topics where topics[topic.name] == nil {
            broken.append("topic \(topic.name) came back")
        }
        return broken
    }

    package var batchCount: Int {
        topics.values.reduce(0) { $0 + $1.partitions.reduce(0) { $0 + $1.batchCount } }
    }
}
