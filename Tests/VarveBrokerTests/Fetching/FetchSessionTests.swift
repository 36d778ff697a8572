import Testing
import VarvePlatform
import VarveWire

@testable import VarveBroker

@Suite struct FetchSessionTests {
    private let cache = FetchSessionCache(slots: 2)

    private func request(
        _ session: Int32, _ epoch: Int32, _ partitions: [(String, Int32, Int64)],
        forget: [(String, Int32)] = []
    ) -> FetchRequest {
        var request = fetch(partitions.map { (topic: $0.0, partition: $0.1, offset: $0.2) })
        request.sessionId = session
        request.sessionEpoch = epoch
        request.forgottenTopicsData = forget.map { topic, partition in
            .init {
                $0.topic = topic
                $0.partitions = [partition]
            }
        }
        return request
    }

    private func begin(_ request: FetchRequest, now: Int64 = 0) -> FetchSessionCache.Beginning {
        cache.begin(request, usesTopicIDs: false, now: now)
    }

    private func open(_ partitions: [(String, Int32, Int64)], now: Int64 = 0) -> Int32 {
        guard case .full(let id) = begin(request(0, 0, partitions), now: now) else { return -1 }
        return id
    }

    private func offsets(_ beginning: FetchSessionCache.Beginning) -> [String]? {
        guard case .incremental(_, let targets) = beginning else { return nil }
        return targets.map { "\($0.topic)-\($0.partition.partition)@\($0.partition.fetchOffset)" }
    }

    @Test func anIncrementalRequestNamesOnlyWhatChanges() {
        let id = open([("a", 0, 0), ("a", 1, 0), ("b", 0, 5)])
        #expect(id > 0)
        #expect(offsets(begin(request(id, 1, []))) == ["a-0@0", "a-1@0", "b-0@5"])
        #expect(offsets(begin(request(id, 2, [("a", 1, 9)]))) == ["a-0@0", "a-1@9", "b-0@5"])
        let third = request(id, 3, [("c", 0, 1)], forget: [("a", 0), ("nope", 7)])
        #expect(offsets(begin(third)) == ["a-1@9", "b-0@5", "c-0@1"])
        #expect(offsets(begin(request(id, 4, [("b", 0, 6)]))) == ["a-1@9", "b-0@6", "c-0@1"])
        #expect(cache.partitionCount == 3)
    }

    @Test func aPartitionThatIsForgottenAndNamedAtOnceStays() {
        let id = open([("a", 0, 0), ("b", 0, 0)])
        let next = request(id, 1, [("a", 0, 7)], forget: [("a", 0)])
        #expect(offsets(begin(next)) == ["b-0@0", "a-0@7"])
    }

    @Test func wrongSessionsAndEpochsAreRefusedAndChangeNothing() {
        let id = open([("a", 0, 0)])
        #expect(begin(request(id + 1, 1, [])) == .refused(.fetchSessionIdNotFound))
        #expect(begin(request(0, 1, [])) == .refused(.fetchSessionIdNotFound))
        #expect(begin(request(id, 2, [("b", 0, 0)])) == .refused(.invalidFetchSessionEpoch))
        #expect(
            cache.begin(request(id, 1, []), usesTopicIDs: true, now: 0)
                == .refused(.fetchSessionTopicIdError))
        #expect(offsets(begin(request(id, 1, []))) == ["a-0@0"])
        #expect(begin(request(id, 1, [])) == .refused(.invalidFetchSessionEpoch))
    }

    @Test func aSessionEndsWithEpochMinusOneAndAnewWithZero() {
        let id = open([("a", 0, 0)])
        guard case .full(let next) = begin(request(id, 0, [("b", 0, 0)])) else {
            Issue.record("no full answer")
            return
        }
        #expect(next > 0 && next != id)
        #expect(cache.count == 1)
        #expect(begin(request(next, -1, [("b", 0, 0)])) == .full(0))
        #expect(cache.count == 0 && cache.partitionCount == 0)
        #expect(begin(request(0, -1, [("b", 0, 0)])) == .full(0))
        #expect(cache.count == 0)
    }

    @Test func aSessionWithoutPartitionsIsOver() {
        #expect(open([]) == 0)
        let id = open([("a", 0, 0)])
        #expect(begin(request(id, 1, [], forget: [("a", 0)])) == .full(0))
        #expect(cache.count == 0)
    }

    @Test func theGreatestEpochIsFollowedByOne() {
        var session = FetchSession(request(0, 0, [("a", 0, 0)]), usesTopicIDs: false)
        #expect(session.epoch == 1)
        session.take(request(1, 1, []))
        #expect(session.epoch == 2)
        session = FetchSession(
            request(0, 0, [("a", 0, 0)]), usesTopicIDs: false, epoch: .max)
        session.take(request(1, .max, []))
        #expect(session.epoch == 1)
    }

    @Test func fullCachesGiveSessionsOnlyToThoseThatSaveMore() {
        let wait = FetchSessionCache.evictionMilliseconds
        let small = open([("a", 0, 0)])
        let large = open([("a", 0, 0), ("b", 0, 0), ("c", 0, 0)])
        #expect(small > 0 && large > 0)
        // Both are young: nobody has to go.
        #expect(open([("a", 0, 0), ("b", 0, 0)], now: wait) == 0)
        // Both are used, and old enough to go for a larger one: the smaller one does.
        for id in [small, large] {
            #expect(offsets(begin(request(id, 1, []), now: wait)) != nil)
        }
        #expect(open([("z", 0, 0)], now: wait + 1) == 0)
        let second = open([("a", 0, 0), ("b", 0, 0)], now: wait + 1)
        #expect(second > 0)
        #expect(
            begin(request(small, 2, []), now: wait + 1) == .refused(.fetchSessionIdNotFound))
        #expect(offsets(begin(request(large, 2, []), now: wait + 1)) != nil)
        // One that nobody uses goes for any other.
        let tiny = open([("z", 0, 0)], now: wait * 2 + 2)
        #expect(tiny > 0)
        #expect(cache.count == 2)
        #expect(cache.evicted == 2)
    }

    @Test func partitionsOfAllSessionsTogetherAreBounded() {
        let cache = FetchSessionCache(slots: 100, partitionsMax: 5)
        func open(_ count: Int, now: Int64 = 0) -> Int32 {
            let request = request(0, 0, (0..<count).map { ("t", Int32($0), 0) })
            guard case .full(let id) = cache.begin(request, usesTopicIDs: false, now: now)
            else { return -1 }
            return id
        }
        #expect(open(6) == 0)
        let first = open(3)
        #expect(first > 0)
        #expect(open(3) == 0)
        #expect(open(2) > 0)
        #expect(cache.partitionCount == 5)
        // A session that outgrows the cache is over.
        let grown = request(first, 1, [("t", 9, 0)])
        #expect(
            cache.begin(grown, usesTopicIDs: false, now: 0) == .refused(.fetchSessionIdNotFound))
        #expect(cache.partitionCount == 2)
        #expect(cache.count == 1)
    }

    @Test func withoutSlotsThereAreNoSessions() {
        let none = FetchSessionCache(slots: 0)
        #expect(
            none.begin(request(0, 0, [("a", 0, 0)]), usesTopicIDs: false, now: 0) == .full(0))
    }
}
