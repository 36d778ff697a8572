internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// DeleteRecords (21): moves a partition's start forward. Offset -1 is its end. Source: KIP-107.
enum DeleteRecordsHandler: RequestHandler {
    typealias Request = DeleteRecordsRequest

    static func handle(
        _ request: DeleteRecordsRequest, context: RequestContext
    ) -> Reply<DeleteRecordsResponse> {
        let slot = context.slot(DeleteRecordsRequest.self)
        context.broker.admin.run {
            var response = DeleteRecordsResponse()
            response.topics = request.topics.map { topic in
                var outcome = DeleteRecordsResponse.Topic()
                outcome.name = topic.name
                let found = context.topic(topic.name, for: .delete)
                outcome.partitions = topic.partitions.map {
                    trim($0, of: found, broker: context.broker)
                }
                return outcome
            }
            slot.complete(response)
        }
        return .later
    }

    private static func trim(
        _ partition: DeleteRecordsRequest.Partition, of found: NamedTopic, broker: BrokerState
    ) -> DeleteRecordsResponse.Partition {
        var result = DeleteRecordsResponse.Partition()
        result.partitionIndex = partition.partitionIndex
        result.lowWatermark = -1
        let log: PartitionLog
        switch found.partition(partition.partitionIndex) {
        case .success(let partition): log = partition
        case .failure(let missing):
            result.errorCode = missing.code
            return result
        }
        guard !BrokerState.isInternal(log.topic) else {
            result.errorCode = .invalidTopic
            return result
        }
        let end = log.durableEnd
        let offset = partition.offset == -1 ? end : partition.offset
        guard offset >= 0 && offset <= end else {
            result.errorCode = .offsetOutOfRange
            return result
        }
        do throws(LogError) {
            result.lowWatermark = try log.trim(to: offset, now: broker.clock.wallMilliseconds())
            broker.logger.info(
                "trimmed partition",
                ["topic": log.topic, "partition": log.partition, "start": result.lowWatermark])
        } catch {
            result.errorCode = ErrorCode(error)
        }
        return result
    }
}
