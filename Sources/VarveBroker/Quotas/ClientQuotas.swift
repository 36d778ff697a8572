internal import Synchronization
internal import VarveLog
internal import VarvePlatform

/// The quotas of clients and what their clients have used of them. Thread-safe.
///
/// Quotas are kept in the data directory's state file `client-quotas`; what is used is not. While
/// no quota of a kind is set, asking costs one atomic load.
final class ClientQuotas: Sendable {
    static let fileName = "client-quotas"
    /// The most measures that are kept (I8), about 200 bytes each. Clients choose their own ids:
    /// once so many are busy, further ones of a kind share a measure.
    static let bucketsMax = 10_000

    private struct Key: Hashable {
        let kind: QuotaKind
        let sharers: QuotaSharers
    }

    private struct State {
        var table = QuotaTable()
        var buckets: [Key: QuotaBucket] = [:]
        /// At so many buckets the full ones go.
        var sweepAt = 64
    }

    private let state = Lock(State())
    private let kindsInForce = Atomic<Int>(0)
    private let burstSeconds: Double
    private let file: StateFile
    private let logger: Logger

    /// - Parameter burstSeconds: how many seconds of its quota a quiet client may use at once.
    init(file: StateFile, burstSeconds: Double, logger: Logger) {
        self.file = file
        self.burstSeconds = burstSeconds
        self.logger = logger
    }

    /// Takes up what an earlier start has kept. A damaged file is set aside (I7) and reported: a
    /// broker without quotas serves, one that does not start does not.
    /// - Parameter now: wall clock, ms since 1970.
    func load(now: Int64) throws(LogError) {
        do throws(LogError) {
            guard let bytes = try file.read() else { return }
            guard let json = Self.parse(bytes), let table = QuotaTable(json) else {
                throw .corrupt(path: file.path, position: 0, reason: "it holds no quotas")
            }
            use(table)
        } catch {
            guard case .corrupt = error else { throw error }
            let aside = try file.setAside(now: now)
            logger.error(
                "client quotas are damaged; none is in force", ["error": error, "kept": aside])
        }
    }

    var table: QuotaTable { state.withLock { $0.table } }

    /// Replaces all quotas. Durable on return, and in force. One caller at a time.
    /// - Throws: `.full`, `.io`; nothing changed then.
    func replace(with table: QuotaTable) throws(LogError) {
        try file.replace(with: ByteSlice(table.json.text(indent: true) + "\n"))
        use(table)
    }

    /// Whether any quota of that kind is set.
    func isInForce(_ kind: QuotaKind) -> Bool {
        kindsInForce.load(ordering: .relaxed) & Self.bit(kind) != 0
    }

    /// Counts `amount` (bytes, or milliseconds of thread time) for `client`; returns for how many
    /// milliseconds the client has to be kept waiting.
    /// - Parameter now: monotonic milliseconds.
    func charge(
        _ kind: QuotaKind, _ amount: Double, for client: QuotaClient, now: Int64
    ) -> Int64 {
        guard isInForce(kind), amount > 0 else { return 0 }
        return state.withLock { state in
            guard let (value, entity) = state.table.quota(kind, for: client) else { return 0 }
            let perSecond = kind.perSecond(value)
            var key = Key(kind: kind, sharers: entity.sharers(client))
            if state.buckets[key] == nil, state.buckets.count >= state.sweepAt {
                sweep(&state, now: now)
                if state.buckets.count >= Self.bucketsMax {
                    key = Key(kind: kind, sharers: QuotaSharers())
                }
            }
            var bucket =
                state.buckets[key]
                ?? QuotaBucket(perSecond: perSecond, burstSeconds: burstSeconds, now: now)
            if bucket.perSecond != perSecond { bucket.change(perSecond: perSecond, now: now) }
            let wait = bucket.take(amount, now: now)
            state.buckets[key] = bucket
            return wait
        }
    }

    /// The most that `client` may have at once without owing anything; nil without a quota.
    func burst(_ kind: QuotaKind, for client: QuotaClient) -> Double? {
        guard isInForce(kind) else { return nil }
        return state.withLock { $0.table.quota(kind, for: client) }
            .map { kind.perSecond($0.value) * burstSeconds }
    }

    /// Measures kept now.
    var bucketCount: Int { state.withLock { $0.buckets.count } }

    private func use(_ table: QuotaTable) {
        state.withLock { state in
            state.table = table
            // Whoever has no quota any more owes nothing either.
            if table.isEmpty { state.buckets = [:] }
        }
        let kinds = QuotaKind.allCases.filter(table.has).reduce(0) { $0 | Self.bit($1) }
        kindsInForce.store(kinds, ordering: .relaxed)
    }

    private func sweep(_ state: inout State, now: Int64) {
        state.buckets = state.buckets.filter { !$1.isFull(now: now) }
        // Twice what is left: a sweep costs each new client a constant.
        state.sweepAt = min(Self.bucketsMax, max(64, state.buckets.count * 2))
    }

    private static func parse(_ bytes: ByteSlice) -> JSON? {
        do throws(JSONError) { return try JSON(parsing: bytes) } catch { return nil }
    }

    private static func bit(_ kind: QuotaKind) -> Int {
        switch kind {
        case .produce: 1
        case .fetch: 2
        case .requestTime: 4
        }
    }
}
