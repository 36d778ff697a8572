internal import VarvePlatform
internal import VarveWire

/// The fetch sessions of all clients. Thread-safe.
///
/// Bounded by slots and by partitions (I8). A client that finds no room is told session id 0, and
/// goes on naming all of its partitions each time. Room is made as in KIP-227: a session that was
/// not used for a while goes for any other, and one that has existed for as long goes for a
/// larger one, since large ones save the most.
final class FetchSessionCache: Sendable {
    /// How long a session is safe (Kafka's `MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS`).
    static let evictionMilliseconds: Int64 = 120_000
    /// Partitions of all sessions together: about 300 bytes each.
    static let partitionsMaxDefault = 200_000

    /// What becomes of a request.
    enum Beginning: Equatable {
        /// Read what it names, and tell all of it under this session id (0: no session).
        case full(Int32)
        /// Read the session's partitions, and tell what changed.
        case incremental(Int32, [FetchTarget])
        case refused(ErrorCode)
    }

    private struct Entry {
        var session: FetchSession
        let created: Int64
        var used: Int64
    }

    private struct State {
        var entries: [Int32: Entry] = [:]
        var partitionCount = 0
        var evicted = 0

        mutating func remove(_ id: Int32) {
            guard let entry = entries.removeValue(forKey: id) else { return }
            partitionCount -= entry.session.targets.count
        }
    }

    private let slots: Int
    private let partitionsMax: Int
    private let state = Lock(State())

    init(slots: Int, partitionsMax: Int = partitionsMaxDefault) {
        self.slots = slots
        self.partitionsMax = partitionsMax
    }

    var count: Int { state.withLock { $0.entries.count } }
    var partitionCount: Int { state.withLock { $0.partitionCount } }
    /// Sessions that had to go for others.
    var evicted: Int { state.withLock { $0.evicted } }

    /// Finds or makes the session of `request`.
    /// - Parameter now: monotonic milliseconds.
    func begin(_ request: FetchRequest, usesTopicIDs: Bool, now: Int64) -> Beginning {
        state.withLock { state in
            guard request.sessionEpoch > 0 else {
                // 0 begins a new session in the place of the old one, -1 ends it.
                state.remove(request.sessionId)
                guard request.sessionEpoch == 0 else { return .full(0) }
                let session = FetchSession(request, usesTopicIDs: usesTopicIDs)
                return .full(open(session, &state, now: now))
            }
            guard var entry = state.entries[request.sessionId] else {
                return .refused(.fetchSessionIdNotFound)
            }
            guard entry.session.usesTopicIDs == usesTopicIDs else {
                return .refused(.fetchSessionTopicIdError)
            }
            guard entry.session.epoch == request.sessionEpoch else {
                return .refused(.invalidFetchSessionEpoch)
            }
            state.remove(request.sessionId)
            entry.session.take(request)
            entry.used = now
            // A session without partitions is over: its request is answered like any other.
            if entry.session.isEmpty { return .full(0) }
            let count = entry.session.targets.count
            // It has outgrown the cache: the client begins anew, and may find no room.
            guard state.partitionCount + count <= partitionsMax else {
                return .refused(.fetchSessionIdNotFound)
            }
            state.partitionCount += count
            state.entries[request.sessionId] = entry
            return .incremental(request.sessionId, entry.session.targets)
        }
    }

    /// Notes what the session's response tells, partition by partition; does nothing where the
    /// session is gone.
    func note(_ told: [(FetchSession.Key, FetchSession.Told?)], in id: Int32) {
        guard id != 0, !told.isEmpty else { return }
        state.withLock { state in
            guard state.entries[id] != nil else { return }
            for (key, told) in told { state.entries[id]?.session.note(told, of: key) }
        }
    }

    /// Keeps `session` and returns its id; 0 where there is no room.
    private func open(_ session: FetchSession, _ state: inout State, now: Int64) -> Int32 {
        let count = session.targets.count
        guard count > 0, count <= partitionsMax, slots > 0 else { return 0 }
        while state.entries.count >= slots || state.partitionCount + count > partitionsMax {
            guard let victim = victim(for: count, state, now: now) else { return 0 }
            state.remove(victim)
            state.evicted += 1
        }
        var id = Int32.random(in: 1...Int32.max)
        while state.entries[id] != nil { id = Int32.random(in: 1...Int32.max) }
        state.entries[id] = Entry(session: session, created: now, used: now)
        state.partitionCount += count
        return id
    }

    /// The session that has to go for one of `count` partitions; nil where all may stay.
    private func victim(for count: Int, _ state: State, now: Int64) -> Int32? {
        if let oldest = state.entries.min(by: { $0.value.used < $1.value.used }),
            now - oldest.value.used > Self.evictionMilliseconds
        {
            return oldest.key
        }
        let smallest = state.entries
            .filter { now - $0.value.created > Self.evictionMilliseconds }
            .min { $0.value.session.targets.count < $1.value.session.targets.count }
        guard let smallest, smallest.value.session.targets.count < count else { return nil }
        return smallest.key
    }
}
