internal import VarveLog
internal import VarveWire

/// AlterPartitionReassignments (45): a partition can only be moved to where it is, this broker.
/// Source: KIP-455, KIP-860.
enum AlterPartitionReassignmentsHandler: RequestHandler {
    typealias Request = AlterPartitionReassignmentsRequest
    private typealias Outcome = AlterPartitionReassignmentsResponse.Partition

    static func handle(
        _ request: AlterPartitionReassignmentsRequest, context: RequestContext
    ) -> Reply<AlterPartitionReassignmentsResponse> {
        if let error = context.refusal(.alter, .cluster) {
            return .now(AlterPartitionReassignmentsResponse { $0.errorCode = error })
        }
        let directory = context.broker.directory
        var response = AlterPartitionReassignmentsResponse()
        response.allowReplicationFactorChange = request.allowReplicationFactorChange
        response.responses = request.topics.map { topic in
            let found = directory.topic(topic.name)
            return .init {
                $0.name = topic.name
                $0.partitions = topic.partitions.map { partition in
                    outcome(
                        partition, exists: found?.partition(partition.partitionIndex) != nil,
                        node: directory.nodeID)
                }
            }
        }
        return .now(response)
    }

    private static func outcome(
        _ partition: AlterPartitionReassignmentsRequest.Partition, exists: Bool, node: Int32
    ) -> Outcome {
        Outcome {
            $0.partitionIndex = partition.partitionIndex
            if !exists {
                $0.errorCode = .unknownTopicOrPartition
                $0.errorMessage = "there is no such partition"
            } else if partition.replicas == nil {
                $0.errorCode = .noReassignmentInProgress
                $0.errorMessage = "the partition is not on the move"
            } else if partition.replicas != [node] {
                $0.errorCode = .invalidReplicationAssignment
                $0.errorMessage = "broker \(node) is the only one"
            }
        }
    }
}

/// ListPartitionReassignments (46): none is ever on the move. Source: KIP-455.
enum ListPartitionReassignmentsHandler: RequestHandler {
    typealias Request = ListPartitionReassignmentsRequest

    static func handle(
        _ request: ListPartitionReassignmentsRequest, context: RequestContext
    ) -> Reply<ListPartitionReassignmentsResponse> {
        if let error = context.refusal(.describe, .cluster) {
            return .now(ListPartitionReassignmentsResponse { $0.errorCode = error })
        }
        return .now(ListPartitionReassignmentsResponse())
    }
}
