internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// ListOffsets (2): where a partition begins, ends, or reaches a time. Version 0 answers
/// with a list of offsets before the time. Source: KIP-79, KIP-734.
enum ListOffsetsHandler: RequestHandler {
    typealias Request = ListOffsetsRequest
    private typealias Outcome = ListOffsetsResponse.Partition

    /// The times that stand for something else, and the first version that has each.
    private enum Special {
        static let latest: Int64 = -1
        static let earliest: Int64 = -2
        /// The record with the greatest timestamp: version 7 (KIP-734).
        static let maxTimestamp: Int64 = -3
        /// The first offset on local disk: version 8 (KIP-405).
        static let earliestLocal: Int64 = -4
        /// The last offset in tiered storage: version 9 (KIP-1005).
        static let latestTiered: Int64 = -5
        /// The first offset not yet in tiered storage: version 11 (KIP-1023).
        static let earliestPendingUpload: Int64 = -6
    }

    static func handle(
        _ request: ListOffsetsRequest, context: RequestContext
    ) -> Reply<ListOffsetsResponse> {
        var response = ListOffsetsResponse()
        for topic in request.topics {
            var outcome = ListOffsetsResponse.Topic()
            outcome.name = topic.name
            let found = context.topic(topic.name, for: .describe)
            outcome.partitions = topic.partitions.map { partition in
                var result = Outcome()
                result.partitionIndex = partition.partitionIndex
                let log: PartitionLog
                switch found.partition(partition.partitionIndex) {
                case .success(let partition): log = partition
                case .failure(let missing):
                    result.errorCode = missing.code
                    return result
                }
                result.errorCode = BrokerState.epochError(partition.currentLeaderEpoch)
                if result.errorCode == .none {
                    look(
                        up: partition.timestamp, in: log, version: context.version,
                        committedOnly: request.isolationLevel == 1, into: &result)
                }
                if context.version == 0, result.errorCode == .none, partition.maxNumOffsets > 0 {
                    // Where Kafka lists the starts of segments, here is the very offset. A time
                    // after all records is the end's.
                    result.oldStyleOffsets = [result.offset >= 0 ? result.offset : log.durableEnd]
                }
                return result
            }
            response.topics.append(outcome)
        }
        return .now(response)
    }

    private static func look(
        up timestamp: Int64, in log: PartitionLog, version: Int16, committedOnly: Bool,
        into result: inout Outcome
    ) {
        let end = committedOnly ? log.lastStableOffset : log.durableEnd
        do throws(LogError) {
            switch timestamp {
            case Special.latest:
                set(&result, offset: end, timestamp: -1)
            case Special.earliest:
                set(&result, offset: log.startOffset, timestamp: -1)
            case Special.maxTimestamp where version >= 7:
                if let (offset, time) = try log.maxTimestamp(), offset < end {
                    set(&result, offset: offset, timestamp: time)
                }
            case Special.earliestLocal where version >= 8:
                set(&result, offset: log.startOffset, timestamp: -1)
            case Special.latestTiered where version >= 9,
                Special.earliestPendingUpload where version >= 11:
                // There is no tiered storage: no such offset.
                break
            case 0...:
                if let (offset, time) = try log.offset(atOrAfter: timestamp), offset < end {
                    set(&result, offset: offset, timestamp: time)
                }
            default:
                result.errorCode = .unsupportedVersion
            }
        } catch {
            result.errorCode = ErrorCode(error)
        }
    }

    private static func set(_ result: inout Outcome, offset: Int64, timestamp: Int64) {
        result.offset = offset
        result.timestamp = timestamp
        result.leaderEpoch = BrokerState.leaderEpoch
    }
}
