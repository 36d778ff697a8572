internal import VarveLog
internal import VarveWire

/// DescribeLogDirs (35): the data directory, its file system's space, and the bytes of each
/// partition. Source: KIP-113, KIP-827 (space).
enum DescribeLogDirsHandler: RequestHandler {
    typealias Request = DescribeLogDirsRequest

    static func handle(
        _ request: DescribeLogDirsRequest, context: RequestContext
    ) -> Reply<DescribeLogDirsResponse> {
        if let error = context.refusal(.describe, .cluster) {
            return .now(DescribeLogDirsResponse { $0.errorCode = error })
        }
        let directory = context.broker.directory
        var result = DescribeLogDirsResponse.Result()
        result.logDir = directory.path
        let space = directory.space
        result.usableBytes = space?.free ?? -1
        result.totalBytes = space?.total ?? -1
        if let asked = request.topics {
            // Several entries for one topic are one, as in Kafka; what does not exist is left out.
            let wanted = Dictionary(
                asked.map { ($0.topic, Set($0.partitions)) }, uniquingKeysWith: { $0.union($1) })
            for (name, partitions) in wanted.sorted(by: { $0.key < $1.key }) {
                guard let topic = directory.topic(name) else { continue }
                result.topics.append(describe(topic) { partitions.contains($0) })
            }
        } else {
            result.topics = directory.topics.map { describe($0) { _ in true } }
        }
        return .now(DescribeLogDirsResponse { $0.results = [result] })
    }

    private static func describe(
        _ topic: Topic, where isWanted: (Int32) -> Bool
    ) -> DescribeLogDirsResponse.Topic {
        var outcome = DescribeLogDirsResponse.Topic()
        outcome.name = topic.name
        outcome.partitions = topic.partitions.filter { isWanted($0.partition) }.map { log in
            DescribeLogDirsResponse.Partition {
                $0.partitionIndex = log.partition
                $0.partitionSize = log.byteCount
                // What is appended and not durable yet is what this one copy lags by.
                $0.offsetLag = max(0, log.endOffset - log.durableEnd)
            }
        }
        return outcome
    }
}
