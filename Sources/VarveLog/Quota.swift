internal import Synchronization
internal import VarvePlatform

/// How near a quota is.
package enum QuotaLevel: String, Comparable, Sendable {
    case ok
    /// Above the warning level (`varve.quota.warning.percent`).
    case warning
    /// Appends are refused.
    case reached

    private var rank: Int { self == .ok ? 0 : self == .warning ? 1 : 2 }
    package static func < (left: QuotaLevel, right: QuotaLevel) -> Bool { left.rank < right.rank }
}

/// Bytes of segments, indexes not counted, and how many there may be: of one topic, or of all.
///
/// Counted along with every append and whenever segments change, and set right by `tick`, so that
/// the check is one comparison. Appends that run beside each other may together exceed the limit
/// by what they carry.
final class Quota: Sendable {
    /// The topic; nil for all of them.
    let topic: String?
    private let used = Atomic<Int64>(0)
    private let limit = Atomic<Int64>(Int64.max)
    private let refused = Atomic<Int>(0)
    private let noted = Lock(Noted())

    /// What was said of it last.
    private struct Noted {
        var level = QuotaLevel.ok
        var refusals = 0
        var bytes: Int64 = 0
        var bytesMax = Int64.max
    }

    init(topic: String?) { self.topic = topic }

    var bytes: Int64 { used.load(ordering: .relaxed) }
    /// Nil where there is no limit.
    var bytesMax: Int64? {
        let limit = limit.load(ordering: .relaxed)
        return limit == Int64.max ? nil : limit
    }
    /// Appends refused so far.
    var refusals: Int { refused.load(ordering: .relaxed) }
    /// As of the last `tick`.
    var level: QuotaLevel { noted.withLock { $0.level } }

    func setLimit(_ bytes: Int64?) { limit.store(bytes ?? Int64.max, ordering: .relaxed) }
    func add(_ change: Int64) { used.add(change, ordering: .relaxed) }

    func admit(_ bytes: Int) throws(LogError) {
        let limit = limit.load(ordering: .relaxed)
        guard limit != Int64.max, self.bytes + Int64(bytes) > limit else { return }
        refused.add(1, ordering: .relaxed)
        throw .overQuota(topic: topic, bytes: self.bytes, bytesMax: limit)
    }

    /// Says once when the warning level is passed, once when the limit is reached, and once when
    /// there is room again.
    func tick(warningPercent: Int, logger: Logger?) {
        let (before, now) = noted.withLock { noted in
            let before = noted.level
            let limit = limit.load(ordering: .relaxed)
            let hasRefused = refusals != noted.refusals
            var level = QuotaLevel.ok
            if limit != Int64.max {
                if bytes >= limit || hasRefused {
                    level = .reached
                } else if Double(bytes) >= Double(limit) * Double(warningPercent) / 100 {
                    // A batch that did not fit was refused below the limit: that holds until
                    // something has changed.
                    let isSame = bytes >= noted.bytes && limit <= noted.bytesMax
                    level = before == .reached && isSame ? .reached : .warning
                }
            }
            noted = Noted(level: level, refusals: refusals, bytes: bytes, bytesMax: limit)
            return (before, level)
        }
        guard now != before, let logger else { return }
        let name = topic.map { "topic \($0)" } ?? "all topics"
        let setting = topic == nil ? "varve.log.quota.bytes" : "varve.quota.bytes"
        let fields: KeyValuePairs<String, any CustomStringConvertible> = [
            "of": name, "bytes": bytes, setting: bytesMax ?? -1,
        ]
        switch now {
        case .reached: logger.error("disk quota reached: appends are refused", fields)
        case .warning where before == .ok: logger.warning("disk quota nearly reached", fields)
        case .warning, .ok: logger.info("below the disk quota", fields)
        }
    }
}

/// What an append to one topic is checked against before anything is written.
struct Admission: Sendable {
    /// Internal topics are never refused for want of space: see `DiskReserve`.
    let isInternal: Bool
    let topic: Quota
    let all: Quota
    let reserve: DiskReserve

    /// - Throws: `.full`, `.overQuota`.
    func admit(_ bytes: Int) throws(LogError) {
        try topic.admit(bytes)
        guard !isInternal else { return }
        try all.admit(bytes)
        try reserve.admit()
    }

    func add(_ change: Int64) {
        topic.add(change)
        all.add(change)
    }
}
