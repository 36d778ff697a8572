internal import VarveLog
internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

/// Which records made the log refuse a batch, so that a producer can drop them and send the others
/// again. Source: KIP-467; the rules are those of Kafka's `LogValidator`.
enum RefusedRecords {
    /// As many are named: a response must not outgrow its request (I8).
    private static let countMax = 1000

    /// Nothing where `error` is not about single records.
    /// - Parameter now: wall clock, ms since 1970.
    static func find(
        in batch: ByteSlice, for error: LogError, _ configuration: TopicConfiguration, now: Int64
    ) -> [ProduceResponse.RecordError] {
        let reason: (Record) -> String?
        switch error {
        case .invalidRecord where configuration.isCompacting:
            reason = { $0.key == nil ? "the topic is compacted, and the record has no key" : nil }
        case .invalidTimestamp:
            reason = { isOutside($0.timestamp, configuration, now: now) }
        default:
            return []
        }
        var found: [ProduceResponse.RecordError] = []
        var index: Int32 = 0
        do throws(RecordError) {
            try RecordBatch.forEachRecord(in: batch) { record in
                if let reason = reason(record), found.count < countMax {
                    found.append(
                        .init {
                            $0.batchIndex = index
                            $0.batchIndexErrorMessage = reason
                        })
                }
                index += 1
            }
        } catch {
            // The batch does not parse: that is what the error beside it says.
            return []
        }
        return found
    }

    private static func isOutside(
        _ timestamp: Int64, _ configuration: TopicConfiguration, now: Int64
    ) -> String? {
        // -1 means "no timestamp" (RecordBatch.NO_TIMESTAMP).
        guard timestamp != -1 else { return nil }
        let (ahead, overflow) = timestamp.subtractingReportingOverflow(now)
        let isAhead = overflow ? timestamp > 0 : ahead > configuration.timestampAfterMaxMilliseconds
        let (behind, isFar) = now.subtractingReportingOverflow(timestamp)
        let isBehind =
            configuration.timestampBeforeMaxMilliseconds != .max
            && (isFar ? timestamp < 0 : behind > configuration.timestampBeforeMaxMilliseconds)
        guard isAhead || isBehind else { return nil }
        return "its time, \(timestamp), is too far from the broker's"
    }
}
