internal import VarvePlatform

/// Why events wait at one moment.
struct Trouble: Equatable, Sendable {
    let reason: Reason
    /// Only a person can end it.
    let isPause: Bool

    func log(_ logger: Logger, sink: String, waiting: Int, nextTryMilliseconds: Int) {
        if isPause {
            logger.error(
                "the sink is paused until somebody helps; nothing is lost meanwhile",
                [
                    "sink": sink, "reason": reason.text, "waiting": waiting,
                    "nextTryMilliseconds": nextTryMilliseconds,
                ])
        } else {
            logger.warning(
                "the sink does not take events now; trying again",
                [
                    "sink": sink, "reason": reason.text, "waiting": waiting,
                    "nextTryMilliseconds": nextTryMilliseconds,
                ])
        }
    }
}

/// Counts what a worker does, and remembers which lanes are in trouble.
final class DeliveryTally: Sendable {
    /// The same trouble is told again so often.
    static let repeatMilliseconds: Int64 = 60_000

    /// The end of a lane's trouble.
    struct Recovery: Sendable {
        let wasPaused: Bool
        let tries: Int

        func log(_ logger: Logger, sink: String) {
            logger.info("the sink takes events again", ["sink": sink, "failedTries": tries])
        }
    }

    private struct Episode {
        var trouble: Trouble
        var toldAt: Int64
        var tries: Int
    }

    private struct State {
        var delivered: Int64 = 0
        var retried: Int64 = 0
        var deadLettered: Int64 = 0
        var dropped: Int64 = 0
        var deliveredBytes: Int64 = 0
        var episodes: [Int: Episode] = [:]
        var lastError: String?
        /// What stands between the worker and its broker; nil when nothing does.
        var brokerTrouble: Trouble?
    }

    private let state = Lock(State())

    func delivered(_ count: Int, bytes: Int) {
        state.withLock { state in
            state.delivered += Int64(count)
            state.deliveredBytes += Int64(bytes)
        }
    }

    func retried(_ count: Int) { state.withLock { $0.retried += Int64(count) } }
    func deadLettered(_ count: Int) { state.withLock { $0.deadLettered += Int64(count) } }
    func dropped(_ count: Int) { state.withLock { $0.dropped += Int64(count) } }

    /// A lane's events wait.
    /// - Returns: whether to write a log line: the trouble is new, another one, or long ago told.
    func troubled(lane: Int, _ trouble: Trouble, now: Int64, waiting: Int) -> Bool {
        state.withLock { state in
            state.lastError = trouble.reason.text
            guard var episode = state.episodes[lane] else {
                state.episodes[lane] = Episode(trouble: trouble, toldAt: now, tries: 1)
                return true
            }
            episode.tries += 1
            let isNew =
                episode.trouble.isPause != trouble.isPause
                || episode.trouble.reason.httpStatus != trouble.reason.httpStatus
                || now - episode.toldAt >= Self.repeatMilliseconds
            if isNew { episode.toldAt = now }
            episode.trouble = trouble
            state.episodes[lane] = episode
            return isNew
        }
    }

    /// A lane's events went through; what its trouble was, if it was in any.
    func recovered(lane: Int) -> Recovery? {
        state.withLock { state in
            state.episodes.removeValue(forKey: lane).map {
                Recovery(wasPaused: $0.trouble.isPause, tries: $0.tries)
            }
        }
    }

    /// Reading fails, or (nil) goes well again.
    /// - Returns: whether that is a change.
    func broker(_ trouble: Trouble?) -> Bool {
        state.withLock { state in
            defer { state.brokerTrouble = trouble }
            if let trouble { state.lastError = trouble.reason.text }
            return (state.brokerTrouble == nil) != (trouble == nil)
                || state.brokerTrouble?.isPause != trouble?.isPause
        }
    }

    /// Adds the counts to a status.
    func describe(_ status: inout WorkerStatus) {
        state.withLock { state in
            status.delivered = state.delivered
            status.retried = state.retried
            status.deadLettered = state.deadLettered
            status.dropped = state.dropped
            status.deliveredBytes = state.deliveredBytes
            status.lastError = state.lastError
            let troubles = state.episodes.sorted { $0.key < $1.key }.map(\.value.trouble)
            status.pausedReason =
                (troubles.first(where: \.isPause)
                ?? state.brokerTrouble.flatMap { $0.isPause ? $0 : nil })?.reason.text
        }
    }
}
