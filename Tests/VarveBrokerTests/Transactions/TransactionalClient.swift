import Testing
import VarvePlatform
import VarveRecords
import VarveWire

@testable import VarveBroker

/// A transactional producer that does what it is told, request by request.
final class TransactionalClient {
    let client: TestClient
    let id: String
    /// With an epoch for each transaction, and partitions added by the broker (KIP-890).
    let isModern: Bool
    var producer = ProducerIdentity(id: -1, epoch: -1)
    private var sequences: [TransactionPartition: Int32] = [:]

    init(_ client: TestClient, id: String, isModern: Bool = false) {
        self.client = client
        self.id = id
        self.isModern = isModern
    }

    @discardableResult
    func initialize(
        timeout: Int32 = 60_000, expected: ProducerIdentity? = nil, version: Int16 = 5
    ) throws -> ErrorCode {
        var request = InitProducerIdRequest()
        request.transactionalId = id
        request.transactionTimeoutMs = timeout
        request.producerId = expected?.id ?? -1
        request.producerEpoch = expected?.epoch ?? -1
        let response = try client.ask(request, version: version)
        if response.errorCode == .none {
            goOn(ProducerIdentity(id: response.producerId, epoch: response.producerEpoch))
        }
        return response.errorCode
    }

    private func goOn(_ new: ProducerIdentity) {
        if new != producer { sequences = [:] }
        producer = new
    }

    func add(
        _ partitions: [TransactionPartition], version: Int16 = 3
    ) throws -> [ErrorCode] {
        let topics = partitions.map { partition in
            AddPartitionsToTxnRequest.Topic {
                $0.name = partition.topic
                $0.partitions = [partition.index]
            }
        }
        var request = AddPartitionsToTxnRequest()
        request.v3AndBelowTransactionalId = id
        request.v3AndBelowProducerId = producer.id
        request.v3AndBelowProducerEpoch = producer.epoch
        request.v3AndBelowTopics = topics
        request.transactions = [transaction(topics)]
        let response = try client.ask(request, version: version)
        let results =
            version < 4
            ? response.resultsByTopicV3AndBelow
            : response.resultsByTransaction.flatMap(\.topicResults)
        return results.flatMap { $0.resultsByPartition.map(\.partitionErrorCode) }
    }

    /// Whether the partition takes part, as a broker would ask.
    func verify(_ partition: TransactionPartition) throws -> [ErrorCode] {
        var asked = transaction([
            AddPartitionsToTxnRequest.Topic {
                $0.name = partition.topic
                $0.partitions = [partition.index]
            }
        ])
        asked.verifyOnly = true
        let response = try client.ask(
            AddPartitionsToTxnRequest { $0.transactions = [asked] }, version: 5)
        return response.resultsByTransaction.flatMap { transaction in
            transaction.topicResults.flatMap { $0.resultsByPartition.map(\.partitionErrorCode) }
        }
    }

    private func transaction(
        _ topics: [AddPartitionsToTxnRequest.Topic]
    ) -> AddPartitionsToTxnRequest.Transaction {
        AddPartitionsToTxnRequest.Transaction {
            $0.transactionalId = id
            $0.producerId = producer.id
            $0.producerEpoch = producer.epoch
            $0.topics = topics
        }
    }

    /// A batch that goes on in the partition; call `wrote` when it was taken.
    func request(
        _ values: [String], to partition: TransactionPartition
    ) throws -> ProduceRequest {
        var builder = RecordBatchBuilder(attributes: BatchAttributes(isTransactional: true))
        let now = SystemClock().wallMilliseconds()
        for value in values { builder.append(timestamp: now, key: nil, value: ByteSlice(value)) }
        let records = try builder.finish(
            producerID: producer.id, producerEpoch: producer.epoch,
            baseSequence: sequences[partition] ?? 0)
        var request = produce([(partition.topic, partition.index, records)])
        request.transactionalId = id
        return request
    }

    func wrote(_ count: Int, to partition: TransactionPartition) {
        sequences[partition, default: 0] += Int32(count)
    }

    func write(
        _ values: [String], to partition: TransactionPartition, version: Int16? = nil
    ) throws -> ErrorCode {
        let outcome = try client.ask(
            request(values, to: partition), version: version ?? (isModern ? 12 : 11)
        ).errors[0]
        if outcome == .none { wrote(values.count, to: partition) }
        return outcome
    }

    func end(commits: Bool, version: Int16? = nil) throws -> ErrorCode {
        var request = EndTxnRequest()
        request.transactionalId = id
        request.producerId = producer.id
        request.producerEpoch = producer.epoch
        request.committed = commits
        let version = version ?? (isModern ? 5 : 4)
        let response = try client.ask(request, version: version)
        if response.errorCode == .none, version >= 5 {
            goOn(ProducerIdentity(id: response.producerId, epoch: response.producerEpoch))
        }
        return response.errorCode
    }

    func addOffsets(of group: String) throws -> ErrorCode {
        var request = AddOffsetsToTxnRequest()
        request.transactionalId = id
        request.producerId = producer.id
        request.producerEpoch = producer.epoch
        request.groupId = group
        return try client.ask(request, version: 4).errorCode
    }

    func commitOffset(
        _ offset: Int64, of group: String, in partition: TransactionPartition,
        version: Int16? = nil
    ) throws -> ErrorCode {
        var request = TxnOffsetCommitRequest()
        request.transactionalId = id
        request.producerId = producer.id
        request.producerEpoch = producer.epoch
        request.groupId = group
        request.topics = [
            TxnOffsetCommitRequest.Topic {
                $0.name = partition.topic
                $0.partitions = [
                    TxnOffsetCommitRequest.Partition {
                        $0.partitionIndex = partition.index
                        $0.committedOffset = offset
                    }
                ]
            }
        ]
        return try client.ask(request, version: version ?? (isModern ? 5 : 4))
            .topics[0].partitions[0].errorCode
    }
}

/// What a consumer sees.
struct CommittedReader {
    let client: TestClient

    /// All values of a partition, in order: what an application gets that reads only committed
    /// records, or all. Also where its reading ends.
    func read(
        _ partition: TransactionPartition, isolation: Int8 = 1
    ) throws -> (values: [String], end: Int64) {
        var found: [String] = []
        var offset: Int64 = 0
        while true {
            let part = try client.ask(
                fetch([(partition.topic, partition.index, offset)], isolation: isolation),
                version: 11
            ).partitions[0]
            guard part.errorCode == .none else {
                throw TransactionFailure(part.errorCode, "fetch at \(offset)")
            }
            let batches = RecordBatch.batches(in: part.records ?? ByteSlice())
            guard let last = batches.last else {
                return (found, isolation == 1 ? part.lastStableOffset : part.highWatermark)
            }
            // As clients do: an aborted producer's records are skipped from its first offset on,
            // until its marker.
            var waiting = (part.abortedTransactions ?? [])
                .sorted { $0.firstOffset < $1.firstOffset }
            var aborted: Set<Int64> = []
            for (header, bytes) in batches {
                while let next = waiting.first, next.firstOffset <= header.lastOffset {
                    aborted.insert(next.producerId)
                    waiting.removeFirst()
                }
                if header.attributes.isControl {
                    aborted.remove(header.producerID)
                } else if !(header.attributes.isTransactional
                    && aborted.contains(header.producerID))
                {
                    found += try RecordBatch.records(in: bytes)
                        .filter { $0.offset >= offset }.map { $0.value!.string }
                }
            }
            offset = last.header.nextOffset
        }
    }

    /// A group's offset, or its error.
    func offset(
        of group: String, in partition: TransactionPartition, isStable: Bool = false
    ) throws -> (offset: Int64, error: ErrorCode) {
        var request = OffsetFetchRequest()
        request.groupId = group
        request.requireStable = isStable
        request.topics = [
            OffsetFetchRequest.Topic {
                $0.name = partition.topic
                $0.partitionIndexes = [partition.index]
            }
        ]
        let found = try client.ask(request, version: 7).topics[0].partitions[0]
        return (found.committedOffset, found.errorCode)
    }
}
