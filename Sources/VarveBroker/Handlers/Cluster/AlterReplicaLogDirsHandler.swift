internal import VarveLog
internal import VarveWire

/// AlterReplicaLogDirs (34): all partitions lie in the one data directory, so that a move to it is
/// done already and there is nowhere else to move to. Source: KIP-113.
enum AlterReplicaLogDirsHandler: RequestHandler {
    typealias Request = AlterReplicaLogDirsRequest

    static func handle(
        _ request: AlterReplicaLogDirsRequest, context: RequestContext
    ) -> Reply<AlterReplicaLogDirsResponse> {
        let directory = context.broker.directory
        let refusal = context.refusal(.alter, .cluster)
        var results: [AlterReplicaLogDirsResponse.Topic] = []
        // A topic may stand under several directories, and clients look for it once.
        var places: [String: Int] = [:]
        for target in request.dirs {
            for topic in target.topics {
                let outcomes = topic.partitions.map { index in
                    AlterReplicaLogDirsResponse.Partition {
                        $0.partitionIndex = index
                        $0.errorCode =
                            if let refusal {
                                refusal
                            } else if target.path != directory.path {
                                .logDirNotFound
                            } else if directory.topic(topic.name)?.partition(index) == nil {
                                .unknownTopicOrPartition
                            } else {
                                .none
                            }
                    }
                }
                if let place = places[topic.name] {
                    results[place].partitions += outcomes
                } else {
                    places[topic.name] = results.count
                    results.append(
                        AlterReplicaLogDirsResponse.Topic {
                            $0.topicName = topic.name
                            $0.partitions = outcomes
                        })
                }
            }
        }
        return .now(AlterReplicaLogDirsResponse { $0.results = results })
    }
}
