import VarveLog
import VarvePlatform
import VarveRecords
import VarveWire

@testable import VarveBroker

/// One uncompressed batch of these values.
func batch(
    _ values: [String], producerID: Int64 = -1, epoch: Int16 = -1, sequence: Int32 = -1,
    codec: CompressionCodec = .none, timestamp: Int64 = SystemClock().wallMilliseconds()
) throws -> ByteSlice {
    var builder = RecordBatchBuilder(codec: codec)
    for value in values { builder.append(timestamp: timestamp, key: nil, value: ByteSlice(value)) }
    return try builder.finish(
        producerID: producerID, producerEpoch: epoch, baseSequence: sequence)
}

/// A Produce request by topic name (up to version 12).
func produce(
    _ parts: [(topic: String, partition: Int32, records: ByteSlice?)], acks: Int16 = -1
) -> ProduceRequest {
    var request = ProduceRequest()
    request.acks = acks
    request.timeoutMs = 30_000
    for part in parts {
        var partition = ProduceRequest.Partition()
        partition.index = part.partition
        partition.records = part.records
        if request.topicData.last?.name == part.topic {
            request.topicData[request.topicData.count - 1].partitionData.append(partition)
        } else {
            var topic = ProduceRequest.Topic()
            topic.name = part.topic
            topic.partitionData = [partition]
            request.topicData.append(topic)
        }
    }
    return request
}

/// A Fetch request by topic name (up to version 12).
func fetch(
    _ parts: [(topic: String, partition: Int32, offset: Int64)], maxWait: Int32 = 0,
    minBytes: Int32 = 1, maxBytes: Int32 = 50 << 20, partitionMaxBytes: Int32 = 1 << 20,
    isolation: Int8 = 0
) -> FetchRequest {
    var request = FetchRequest()
    request.maxWaitMs = maxWait
    request.minBytes = minBytes
    request.maxBytes = maxBytes
    request.isolationLevel = isolation
    for part in parts {
        var partition = FetchRequest.Partition()
        partition.partition = part.partition
        partition.fetchOffset = part.offset
        partition.partitionMaxBytes = partitionMaxBytes
        if request.topics.last?.topic == part.topic {
            request.topics[request.topics.count - 1].partitions.append(partition)
        } else {
            var topic = FetchRequest.Topic()
            topic.topic = part.topic
            topic.partitions = [partition]
            request.topics.append(topic)
        }
    }
    return request
}

/// A Metadata request for these topics; nil for all.
func metadata(_ topics: [String]?, autoCreate: Bool = true) -> MetadataRequest {
    var request = MetadataRequest()
    request.allowAutoTopicCreation = autoCreate
    request.topics = topics?.map {
        var topic = MetadataRequest.Topic()
        topic.name = $0
        return topic
    }
    return request
}

/// All records in a Fetch response's partition.
func records(_ partition: FetchResponse.Partition) throws -> [Record] {
    var result: [Record] = []
    for (_, bytes) in RecordBatch.batches(in: partition.records ?? ByteSlice()) {
        result += try RecordBatch.records(in: bytes)
    }
    return result
}

/// Their values.
func values(_ partition: FetchResponse.Partition) throws -> [String] {
    try records(partition).map { $0.value!.string }
}

extension ProduceResponse {
    /// The outcomes of all partitions, in order.
    var outcomes: [Partition] { responses.flatMap(\.partitionResponses) }
    var errors: [ErrorCode] { outcomes.map(\.errorCode) }
}

extension FetchResponse {
    var partitions: [Partition] { responses.flatMap(\.partitions) }
}
