import Foundation
import Testing
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// Quotas as clients feel them.
@Suite struct ThrottlingTests {
    private func alter(
        _ client: TestClient, _ key: String, _ value: Double?, clientID: String? = nil,
        trial: Bool = false
    ) throws -> AlterClientQuotasResponse.Entry {
        let request = AlterClientQuotasRequest {
            $0.validateOnly = trial
            $0.entries = [
                .init {
                    $0.entity = [
                        .init {
                            $0.entityType = "client-id"
                            $0.entityName = clientID
                        }
                    ]
                    $0.ops = [
                        .init {
                            $0.key = key
                            $0.value = value ?? 0
                            $0.remove = value == nil
                        }
                    ]
                }
            ]
        }
        return try client.ask(request, clientID: "admin").entries[0]
    }

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = Date()
        try body()
        return Date().timeIntervalSince(start)
    }

    @Test func aProducerOverItsQuotaIsToldAndKeptWaiting() throws {
        let test = try TestBroker(settings: ["quota.window.num": "2"])
        try test.broker.createTopic("t")
        let client = try test.client()
        #expect(
            try alter(client, "producer_byte_rate", 10_000, clientID: "test").errorCode == .none)
        let big = try batch([String(repeating: "x", count: 25_000)])
        // 25 000 bytes of which 10 000 are free: a second and a half from their arrival on.
        let waited = try seconds {
            let told = try client.ask(produce([("t", 0, big)]), version: 9)
            #expect(told.errors == [.none])
            #expect((1...1600).contains(told.throttleTimeMs))
            _ = try client.ask(metadata([]), version: 12)
        }
        #expect(waited >= 1.5 && waited < 10)
        // Others are not kept waiting, nor is the same connection afterwards.
        #expect(
            try client.ask(produce([("t", 0, try batch(["a"]))]), version: 9, clientID: "other")
                .throttleTimeMs == 0)
        #expect(try client.ask(metadata([]), version: 12).throttleTimeMs == 0)
        #expect(try test.state.metrics.throttled.count == 1)
    }

    @Test func aMutedConnectionHoldsNobodyUp() throws {
        let test = try TestBroker(
            settings: ["num.network.threads": "1", "quota.window.num": "2"])
        try test.broker.createTopic("t")
        let client = try test.client()
        _ = try alter(client, "producer_byte_rate", 1000, clientID: "test")
        let big = try batch([String(repeating: "x", count: 60_000)])
        #expect(try client.ask(produce([("t", 0, big)]), version: 9).throttleTimeMs > 50_000)
        let id = try client.send(metadata([]), version: 12)
        let other = try test.client()
        let waited = try seconds {
            for _ in 0..<20 { _ = try other.ask(metadata([]), version: 12, clientID: "other") }
        }
        #expect(waited < 10)
        #expect(try client.isSilent(for: 200))
        // The quota goes; the wait that was imposed stays (as in Kafka) until the connection ends.
        _ = id
        let again = try test.client()
        _ = try alter(other, "producer_byte_rate", nil, clientID: "test")
        #expect(try again.ask(produce([("t", 0, big)]), version: 9).throttleTimeMs == 0)
    }

    @Test func aMutedConnectionThatClosesLeavesNothingBehind() throws {
        let test = try TestBroker(settings: ["quota.window.num": "2"])
        try test.broker.createTopic("t")
        let admin = try test.client()
        _ = try alter(admin, "producer_byte_rate", 1, clientID: "test")
        let big = try batch([String(repeating: "x", count: 10_000)])
        for _ in 0..<20 {
            #expect(
                try test.client().ask(produce([("t", 0, big)]), version: 9).throttleTimeMs
                    > 1_000_000)
        }
        let state = try test.state
        for _ in 0..<200 where state.metrics.connectionsOpen.count > 1 {
            Thread.sleep(forTimeInterval: 0.02)
        }
        #expect(state.metrics.connectionsOpen.count == 1)
    }

    @Test func aConsumerOverItsQuotaGetsNoMoreThanItMayHave() throws {
        let test = try TestBroker(settings: ["quota.window.num": "5"])
        try test.broker.createTopic("t")
        for _ in 0..<10 {
            _ = try test.broker.append(
                topic: "t", records: [.init(String(repeating: "x", count: 1000))])
        }
        let client = try test.client()
        _ = try alter(client, "consumer_byte_rate", 1000)
        let first = try client.ask(fetch([("t", 0, 0)]), version: 11)
        // A burst's worth, and not the ten thousand bytes that there are.
        #expect(try values(first.partitions[0]).count == 3)
        let second = try client.ask(fetch([("t", 0, 3)]), version: 11)
        #expect(try values(second.partitions[0]).count == 3)
        // Six thousand bytes and more, of which four thousand are free.
        #expect(second.throttleTimeMs > 0)
        let waited = try seconds { _ = try client.ask(metadata([]), version: 12) }
        #expect(waited > 0.1)
    }

    @Test func requestTimeHasItsQuota() throws {
        let test = try TestBroker(settings: ["quota.window.num": "2"])
        for index in 0..<200 { try test.broker.createTopic("t\(index)") }
        let client = try test.client()
        _ = try alter(client, "request_percentage", 0.01, clientID: "test")
        var throttled: Int32 = 0
        for _ in 0..<20 where throttled == 0 {
            throttled = try client.ask(metadata(nil), version: 12).throttleTimeMs
        }
        #expect(throttled > 0)
    }

    @Test func acksZeroIsKeptWaitingToo() throws {
        let test = try TestBroker(settings: ["quota.window.num": "2"])
        try test.broker.createTopic("t")
        let client = try test.client()
        _ = try alter(client, "producer_byte_rate", 10_000, clientID: "test")
        let big = try batch([String(repeating: "x", count: 15_000)])
        let waited = try seconds {
            try client.send(produce([("t", 0, big)], acks: 0), version: 9)
            _ = try client.ask(metadata([]), version: 12)
        }
        #expect(waited >= 0.5)
    }

    @Test func quotasAreDescribedByWhatTheFilterSays() throws {
        let test = try TestBroker()
        let client = try test.client()
        _ = try alter(client, "producer_byte_rate", 1000, clientID: "a")
        _ = try alter(client, "consumer_byte_rate", 2000)
        _ = try alter(client, "request_percentage", 50.5, clientID: "a")
        func describe(
            _ components: [(type: String, match: Int8, name: String?)], strict: Bool = false
        ) throws -> DescribeClientQuotasResponse {
            let request = DescribeClientQuotasRequest {
                $0.strict = strict
                $0.components = components.map { component in
                    .init {
                        $0.entityType = component.type
                        $0.matchType = component.match
                        $0.match = component.name
                    }
                }
            }
            return try client.ask(request)
        }
        let all = try #require(try describe([]).entries)
        #expect(all.map(\.entity.first?.entityName) == [nil, "a"])
        #expect(all[1].values.map(\.key) == ["producer_byte_rate", "request_percentage"])
        #expect(all[1].values.map(\.value) == [1000, 50.5])
        #expect(try describe([("client-id", 0, "a")]).entries?.count == 1)
        #expect(try describe([("client-id", 0, "b")]).entries?.isEmpty == true)
        #expect(try describe([("client-id", 1, nil)]).entries?[0].values[0].value == 2000)
        #expect(try describe([("client-id", 2, nil)]).entries?.count == 2)
        #expect(try describe([("user", 2, nil)]).entries?.isEmpty == true)
        #expect(try describe([], strict: true).entries?.isEmpty == true)
        for wrong in [("moon", Int8(2), nil), ("user", 0, nil), ("user", 3, nil)]
            as [(String, Int8, String?)]
        {
            let refused = try describe([(wrong.0, wrong.1, wrong.2)])
            #expect(refused.errorCode == .invalidRequest)
            #expect(refused.entries == nil && refused.errorMessage != nil)
        }
    }

    @Test func wrongQuotasAreRefusedByName() throws {
        let test = try TestBroker()
        let client = try test.client()
        for (key, value) in [
            ("producer_byte_rate", 0), ("producer_byte_rate", 0.5), ("consumer_byte_rate", -1),
            ("request_percentage", .infinity), ("request_percentage", .nan), ("speed", 1),
            ("producer_byte_rate", 1e300),
        ] as [(String, Double)] {
            let refused = try alter(client, key, value)
            #expect(refused.errorCode == .invalidRequest, "\(key) \(value)")
            #expect(refused.errorMessage?.contains(key) == true)
        }
        #expect(try alter(client, "producer_byte_rate", 5, trial: true).errorCode == .none)
        #expect(try alter(client, "producer_byte_rate", 5, clientID: "").errorCode != .none)
        #expect(try test.state.quotas.table.isEmpty)
    }

    @Test func quotasOutliveTheBroker() throws {
        let directory = TestBroker.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        do {
            let test = try TestBroker(directory: directory)
            _ = try alter(try test.client(), "producer_byte_rate", 1000, clientID: "test")
        }
        let test = try TestBroker(settings: ["quota.window.num": "2"], directory: directory)
        try test.broker.createTopic("t")
        let big = try batch([String(repeating: "x", count: 3000)])
        let told = try test.client().ask(produce([("t", 0, big)]), version: 9)
        #expect(told.throttleTimeMs > 1000)
    }
}
