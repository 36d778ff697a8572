internal import VarveLog
internal import VarveWire

/// DescribeProducers (61): who writes to partitions, and whose transaction is open there. Source:
/// KIP-664.
enum DescribeProducersHandler: RequestHandler {
    typealias Request = DescribeProducersRequest
    private typealias Partition = DescribeProducersResponse.Partition

    static func handle(
        _ request: DescribeProducersRequest, context: RequestContext
    ) -> Reply<DescribeProducersResponse> {
        var response = DescribeProducersResponse()
        response.topics = request.topics.map { topic in
            let found = context.broker.directory.topic(topic.name)
            return DescribeProducersResponse.Topic {
                $0.name = topic.name
                $0.partitions = topic.partitionIndexes.map { index in
                    partition(index, found?.partition(index))
                }
            }
        }
        return .now(response)
    }

    private static func partition(_ index: Int32, _ log: PartitionLog?) -> Partition {
        Partition {
            $0.partitionIndex = index
            guard let log else {
                $0.errorCode = .unknownTopicOrPartition
                return
            }
            $0.activeProducers = log.activeProducers.map { producer in
                DescribeProducersResponse.Producer {
                    $0.producerId = producer.producerID
                    $0.producerEpoch = Int32(producer.epoch)
                    $0.lastSequence = producer.lastSequence
                    $0.lastTimestamp = producer.lastAppendTime
                    $0.coordinatorEpoch = producer.coordinatorEpoch
                    $0.currentTxnStartOffset = producer.transactionStart ?? -1
                }
            }
        }
    }
}
