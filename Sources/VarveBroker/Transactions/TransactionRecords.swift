internal import VarvePlatform
internal import VarveWire

/// Transactions as `__transaction_state` keeps them.
extension Transaction {
    var value: TransactionValue {
        TransactionValue {
            $0.producerId = producer.id
            $0.producerEpoch = producer.epoch
            $0.previousProducerId = previousID
            $0.nextProducerId = nextID
            $0.transactionTimeoutMs = timeout
            $0.transactionStatus = phase.rawValue
            $0.transactionPartitions = phase == .empty ? nil : Self.topics(partitions)
            $0.lastUpdateTimestampMs = updateTime
            $0.startTimestampMs = startTime
            $0.clientTransactionVersion = clientProtocol.rawValue
        }
    }

    /// By topic, topics and partitions sorted.
    static func topics(_ partitions: Set<TransactionPartition>) -> [TransactionValue.Topic] {
        var topics: [TransactionValue.Topic] = []
        for partition in partitions.sorted() {
            if topics.last?.topic != partition.topic {
                topics.append(TransactionValue.Topic { $0.topic = partition.topic })
            }
            topics[topics.count - 1].partitionIds.append(partition.index)
        }
        return topics
    }

    /// Nil where `value` names a phase that is none of ours: Kafka never stores "Dead" and
    /// "PrepareEpochFence".
    init?(id: String, _ value: TransactionValue) {
        guard let phase = TransactionPhase(rawValue: value.transactionStatus),
            value.producerId >= 0, value.producerEpoch >= 0
        else { return nil }
        self.init(
            id: id, producerID: value.producerId, timeout: value.transactionTimeoutMs,
            at: value.lastUpdateTimestampMs)
        producer.epoch = value.producerEpoch
        previousID = value.previousProducerId
        nextID = value.nextProducerId
        self.phase = phase
        startTime = value.startTimestampMs
        clientProtocol =
            value.clientTransactionVersion >= TransactionProtocol.epochPerTransaction.rawValue
            ? .epochPerTransaction : .classic
        for topic in value.transactionPartitions ?? [] {
            for index in topic.partitionIds {
                partitions.insert(TransactionPartition(topic: topic.topic, index: index))
            }
        }
    }
}
