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
            let found = context.topic(topic.name, for: .read)
            return DescribeProducersResponse.Topic {
                $0.name = topic.name
                $0.partitions = topic.partitionIndexes.map { index in
                    partition(index, found.partition(index))
                }
            }
        }
        return .now(response)
    }

    private static func partition(
        _ index: Int32, _ found: Result<PartitionLog, NoPartition>
    ) -> Partition {
        Partition {
            $0.partitionIndex = index
            let log: PartitionLog
            switch found {
            case .success(let partition): log = partition
            case .failure(let missing):
                $0.errorCode = missing.code
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
