/// An event as a line of a ledger file: its name and its fields, with spaces between.
///
///     creating TOPIC PARTITIONS COMPACTED      created TOPIC
///     deleting TOPIC                           deleted TOPIC
///     appending TOPIC PARTITION NUMBER TIMESTAMP PRODUCER SEQUENCE
///     appended TOPIC PARTITION NUMBER TIMESTAMP PRODUCER SEQUENCE BASE NEXT
///     acknowledged TOPIC PARTITION END
///     trimming TOPIC PARTITION START           trimmed TOPIC PARTITION START
///     recovered TOPIC PARTITION
extension Ledger.Event {
    package var line: String {
        switch self {
        case .creating(let topic, let partitions, let isCompacted):
            "creating \(topic) \(partitions) \(isCompacted ? 1 : 0)"
        case .created(let topic): "created \(topic)"
        case .deleting(let topic): "deleting \(topic)"
        case .deleted(let topic): "deleted \(topic)"
        case .appending(let topic, let partition, let batch):
            "appending \(topic) \(partition) \(batch.line)"
        case .appended(let topic, let partition, let batch, let base, let next):
            "appended \(topic) \(partition) \(batch.line) \(base) \(next)"
        case .acknowledged(let topic, let partition, let end):
            "acknowledged \(topic) \(partition) \(end)"
        case .trimming(let topic, let partition, let start):
            "trimming \(topic) \(partition) \(start)"
        case .trimmed(let topic, let partition, let start):
            "trimmed \(topic) \(partition) \(start)"
        case .recovered(let topic, let partition): "recovered \(topic) \(partition)"
        }
    }

    /// Nil for what is no event, such as a line that its writer did not live to finish.
    package init?(line: some StringProtocol) {
        let fields = line.split(separator: " ", omittingEmptySubsequences: false)
        guard let name = fields.first, fields.count >= 2 else { return nil }
        let topic = String(fields[1])
        let numbers = fields.dropFirst(2).map { Int64($0) }
        guard numbers.allSatisfy({ $0 != nil }) else { return nil }
        func number(_ index: Int) -> Int64 { numbers[index]! }
        switch (name, numbers.count) {
        case ("creating", 2):
            self = .creating(
                topic: topic, partitions: Int(number(0)), isCompacted: number(1) == 1)
        case ("created", 0): self = .created(topic: topic)
        case ("deleting", 0): self = .deleting(topic: topic)
        case ("deleted", 0): self = .deleted(topic: topic)
        case ("appending", 5):
            self = .appending(
                topic: topic, partition: Int(number(0)),
                ProofBatch(
                    number: UInt64(number(1)), timestamp: number(2), producerID: number(3),
                    sequence: Int32(number(4))))
        case ("appended", 7):
            self = .appended(
                topic: topic, partition: Int(number(0)),
                ProofBatch(
                    number: UInt64(number(1)), timestamp: number(2), producerID: number(3),
                    sequence: Int32(number(4))), base: number(5), next: number(6))
        case ("acknowledged", 2):
            self = .acknowledged(topic: topic, partition: Int(number(0)), end: number(1))
        case ("trimming", 2):
            self = .trimming(topic: topic, partition: Int(number(0)), start: number(1))
        case ("trimmed", 2):
            self = .trimmed(topic: topic, partition: Int(number(0)), start: number(1))
        case ("recovered", 1): self = .recovered(topic: topic, partition: Int(number(0)))
        default: return nil
        }
    }
}

extension ProofBatch {
    fileprivate var line: String { "\(number) \(timestamp) \(producerID) \(sequence)" }
}

extension Ledger {
    /// The ledger as its events tell it, one a line. A last line without its line feed, and lines
    /// that are none, are left out.
    package init(reading text: String) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        lines.removeLast()
        for line in lines {
            if let event = Event(line: line) { note(event) }
        }
    }

    /// The shortest events that make this ledger, for a new file.
    package var lines: [String] {
        var lines: [String] = []
        for (name, topic) in topics.sorted(by: { $0.key < $1.key }) {
            lines.append(
                Event.creating(
                    topic: name, partitions: topic.partitions.count,
                    isCompacted: topic.partitions.contains { $0.isCompacted }
                ).line)
            if !topic.isUncertain { lines.append(Event.created(topic: name).line) }
            for (index, partition) in topic.partitions.enumerated() {
                for (base, entry) in partition.batches.sorted(by: { $0.key < $1.key }) {
                    lines.append(
                        Event.appended(
                            topic: name, partition: index, entry.batch, base: base,
                            next: entry.nextOffset
                        ).line)
                }
                for batch in partition.uncertain {
                    lines.append(Event.appending(topic: name, partition: index, batch).line)
                }
                for event: Event in [
                    .acknowledged(topic: name, partition: index, end: partition.durableEnd),
                    .trimming(topic: name, partition: index, start: partition.startMax),
                    .trimmed(topic: name, partition: index, start: partition.startOffset),
                ] { lines.append(event.line) }
            }
        }
        return lines
    }
}
