internal import VarveClient
internal import VarvePlatform

/// Where reading begins, or ends, in a partition, as people write it.
///
/// `beginning` (or `start`, `earliest`), `end` (or `latest`), `N` an offset, `-N` the last N
/// records, `@TIME` the first record at or after milliseconds since 1970 or an RFC 3339 time
/// (kcat's `s@ts` too).
enum StartPosition: Equatable, Sendable {
    case beginning
    case end
    case offset(Int64)
    case last(Int64)
    case time(Int64)

    init(_ text: String, flag: String) throws(CommandError) {
        switch text {
        case "beginning", "start", "earliest": self = .beginning
        case "end", "latest": self = .end
        default:
            if let at = text.firstIndex(of: "@"), ["", "s"].contains(text[..<at]) {
                let time = String(text[text.index(after: at)...])
                guard let milliseconds = Int64(time) ?? Timestamp.milliseconds(time) else {
                    throw .usage(
                        "\(flag): \"\(time)\" is neither milliseconds nor a time such as "
                            + "2026-01-31T12:00:00Z")
                }
                self = .time(milliseconds)
            } else if let number = Int64(text) {
                self = text.hasPrefix("-") ? .last(-number) : .offset(number)
            } else {
                throw .usage(
                    "\(flag): \"\(text)\" is none of beginning, end, an offset, -N or @TIME")
            }
        }
    }
}

extension Session {
    /// The offset that `position` means in each partition, within what the partition has.
    func offsets(
        _ position: StartPosition, in partitions: [TopicPartition]
    ) async throws(CommandError) -> [TopicPartition: Int64] {
        let ends = try await ends(partitions)
        var times: [TopicPartition: ListedOffset] = [:]
        if case .time(let milliseconds) = position {
            times = try await asking { () throws(ClientError) in
                try await admin.listOffsets(
                    Dictionary(
                        uniqueKeysWithValues: partitions.map { ($0, .timestamp(milliseconds)) }))
            }
        }
        var result: [TopicPartition: Int64] = [:]
        for (partition, range) in ends {
            let wanted =
                switch position {
                case .beginning: range.start
                case .end: range.end
                case .offset(let offset): offset
                case .last(let count): range.end - count
                // Nothing so late: whatever comes next.
                case .time:
                    times[partition].flatMap { $0.offset < 0 ? nil : $0.offset } ?? range.end
                }
            result[partition] = min(max(wanted, range.start), range.end)
        }
        return result
    }
}
