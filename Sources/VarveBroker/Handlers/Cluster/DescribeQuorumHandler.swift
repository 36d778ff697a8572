internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// DescribeQuorum (55): a quorum of one. This broker keeps its metadata in files and has no
/// metadata log, so the log that the answer describes is empty, and its only voter has all of it.
/// Source: KIP-595, KIP-836, KIP-853.
enum DescribeQuorumHandler: RequestHandler {
    typealias Request = DescribeQuorumRequest
    private typealias Outcome = DescribeQuorumResponse.Partition

    private static let topicName = "__cluster_metadata"

    static func handle(
        _ request: DescribeQuorumRequest, context: RequestContext
    ) -> Reply<DescribeQuorumResponse> {
        if let error = context.refusal(.describe, .cluster) {
            return .now(DescribeQuorumResponse { $0.errorCode = error })
        }
        var response = DescribeQuorumResponse()
        response.topics = request.topics.map { topic in
            .init {
                $0.topicName = topic.topicName
                $0.partitions = topic.partitions.map { partition in
                    guard topic.topicName == topicName, partition.partitionIndex == 0 else {
                        return Outcome {
                            $0.partitionIndex = partition.partitionIndex
                            $0.errorCode = .unknownTopicOrPartition
                            $0.errorMessage = "only \(topicName)-0 has a quorum"
                        }
                    }
                    return quorum(context.broker)
                }
            }
        }
        response.nodes = [node(context)]
        return .now(response)
    }

    private static func quorum(_ broker: BrokerState) -> Outcome {
        let now = broker.clock.wallMilliseconds()
        return Outcome {
            $0.leaderId = broker.directory.nodeID
            $0.leaderEpoch = BrokerState.leaderEpoch
            $0.currentVoters = [
                DescribeQuorumResponse.ReplicaState {
                    $0.replicaId = broker.directory.nodeID
                    $0.lastFetchTimestamp = now
                    $0.lastCaughtUpTimestamp = now
                }
            ]
        }
    }

    private static func node(_ context: RequestContext) -> DescribeQuorumResponse.Node {
        .init {
            $0.nodeId = context.broker.directory.nodeID
            $0.listeners = [
                DescribeQuorumResponse.Listener {
                    $0.name = "CONTROLLER"
                    $0.host = context.advertised.host
                    $0.port = UInt16(clamping: context.advertised.port)
                }
            ]
        }
    }
}
