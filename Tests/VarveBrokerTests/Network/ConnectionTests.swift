import Foundation
import Testing
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// What a client can do to a connection, and what it cannot do to the broker (I8).
struct ConnectionTests {
    @Test func pipelinedRequestsAreAnsweredInOrderThoughAnEarlierOneWaits() throws {
        let disk = GateDisk()
        let test = try TestBroker(disk: disk)
        try test.broker.createTopic("t")
        let client = try test.client()
        disk.set(.closed)
        let version: Int16 = 9
        let first = try client.send(
            produce([("t", 0, try batch(["a"]))]), version: version)
        let second = try client.send(ApiVersionsRequest(), version: 0)
        let third = try client.send(metadata(["t"]), version: 12)
        #expect(try client.isSilent(for: 200))
        disk.set(.open)
        let produced = try client.answer(to: ProduceRequest.self, version: version, id: first)
        #expect(produced.errors == [.none])
        _ = try client.answer(to: ApiVersionsRequest.self, version: 0, id: second)
        let described = try client.answer(to: MetadataRequest.self, version: 12, id: third)
        #expect(described.topics.map(\.name) == ["t"])
    }

    @Test func manyPipelinedProducesAllComeBackInOrder() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        var sent: [Int32] = []
        for index in 0..<1000 {
            sent.append(
                try client.send(produce([("t", 0, try batch(["\(index)"]))]), version: 9))
        }
        var offsets: [Int64] = []
        for id in sent {
            let response = try client.answer(to: ProduceRequest.self, version: 9, id: id)
            offsets.append(response.outcomes[0].baseOffset)
        }
        #expect(offsets == Array(0..<1000))
    }

    @Test(arguments: [
        [UInt8]("GET / HTTP/1.1\r\n\r\n".utf8),
        [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xFC, 0x03, 0x03],
        [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0], [0, 0, 0, 7], [0x7F, 0xFF, 0xFF, 0xFF],
        [0, 0, 0, 8, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1],
        // A known API with a body that is none.
        [0, 0, 0, 12, 0, 3, 0, 1, 0, 0, 0, 1, 0xFF, 0xFF, 0x7F, 0xFF],
    ])
    func garbageClosesItsConnectionAndNoOther(bytes: [UInt8]) throws {
        let test = try TestBroker()
        let bystander = try test.client()
        _ = try bystander.ask(ApiVersionsRequest(), version: 0)
        let client = try test.client()
        try client.send(ByteSlice(bytes))
        #expect(client.closes())
        _ = try bystander.ask(ApiVersionsRequest(), version: 0)
    }

    @Test func randomBytesNeverStopTheBroker() throws {
        let seed =
            ProcessInfo.processInfo.environment["VARVE_SEED"].flatMap(UInt64.init)
            ?? UInt64.random(in: 0...UInt64.max)
        print("VARVE_SEED=\(seed)")
        var random = SplitMix(state: seed)
        let test = try TestBroker(settings: ["num.partitions": "1"])
        for _ in 0..<300 {
            let client = try test.client()
            let count = Int.random(in: 12...400, using: &random)
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            // Most of them with a right length and a known API, so that the decoders are reached.
            if Int.random(in: 0..<4, using: &random) > 0 {
                let served = AdvertisedVersions.served.randomElement(using: &random)!
                bytes[0] = 0
                bytes[1] = UInt8(served.api.rawValue)
                bytes[2] = 0
                bytes[3] = UInt8(served.versions.randomElement(using: &random)!)
                bytes[8] = 0xFF
                bytes[9] = 0xFF
            }
            let length = withUnsafeBytes(of: Int32(count).bigEndian) { Array($0) }
            do { try client.send(ByteSlice(length + bytes)) } catch is SystemError {}
        }
        _ = try test.client().ask(ApiVersionsRequest(), version: 0)
    }

    @Test func aRequestLargerThanTheCapClosesTheConnectionBeforeItArrives() throws {
        let test = try TestBroker(settings: ["socket.request.max.bytes": "2048"])
        let client = try test.client()
        try client.send(ByteSlice([0, 0, 8, 1, 0, 3]))
        #expect(client.closes())
        let other = try test.client()
        try other.send(ByteSlice([0, 0, 8, 0, 0, 3]))
        #expect(!other.closes(within: 200))
    }

    @Test func halfARequestIsGivenUpAfterItsDeadline() throws {
        let test = try TestBroker(limits: limits { $0.requestMilliseconds = 300 })
        let client = try test.client()
        try client.send(ByteSlice([0, 0, 1, 0, 0, 3]))
        #expect(client.closes(within: 4000))
        #expect(try test.state.metrics.connectionsTimedOut.count == 1)
    }

    @Test func oneByteNowAndThenDoesNotProlongARequest() throws {
        let test = try TestBroker(limits: limits { $0.requestMilliseconds = 500 })
        let client = try test.client()
        try client.send(ByteSlice([0, 1, 0, 0, 0, 3]))
        let start = Date()
        var isClosed = false
        while !isClosed && Date().timeIntervalSince(start) < 6 {
            do { try client.send(ByteSlice([0])) } catch { isClosed = true }
            if !isClosed { isClosed = client.closes(within: 100) }
        }
        #expect(isClosed)
    }

    @Test func idleConnectionsAreClosedAndBusyOnesAreNot() throws {
        let test = try TestBroker(settings: ["connections.max.idle.ms": "1500"])
        let idle = try test.client()
        let busy = try test.client()
        let start = Date()
        while Date().timeIntervalSince(start) < 3.2 {
            _ = try busy.ask(ApiVersionsRequest(), version: 0)
            Thread.sleep(forTimeInterval: 0.2)
        }
        #expect(idle.closes(within: 10))
        _ = try busy.ask(ApiVersionsRequest(), version: 0)
    }

    @Test func aClientThatReadsNothingIsHeldBackAndThenClosed() throws {
        let test = try TestBroker(limits: limits { $0.stalledMilliseconds = 1000 })
        try test.broker.createTopic("t")
        let value = String(repeating: "x", count: 900_000)
        for _ in 0..<8 { _ = try test.broker.append(topic: "t", records: [.init(value)]) }
        let client = try test.client()
        // Asks for gigabytes and reads none of it.
        var asked = 0
        for _ in 0..<2000 {
            let request = try encodeRequest(
                fetch([("t", 0, 0)], partitionMaxBytes: 10 << 20), version: 11, correlationId: 1,
                clientId: "t")
            do {
                if try client.sendSome(request, milliseconds: 300) < request.count { break }
            } catch {
                break
            }
            asked += 1
        }
        let unsent = try test.state.responseMemory.bytesUsed
        #expect(unsent < 64 << 20, "\(asked) requests taken, \(unsent) bytes waiting")
        let start = Date()
        while try test.state.metrics.connectionsTimedOut.count == 0 {
            #expect(Date().timeIntervalSince(start) < 10)
            if Date().timeIntervalSince(start) > 10 { break }
            Thread.sleep(forTimeInterval: 0.05)
        }
        #expect(try test.state.responseMemory.bytesUsed == 0)
    }

    @Test func requestsInFlightAreBounded() throws {
        let (test, disk, client) = try brokerWithBatchesInFlight { $0.requestsInFlightMax = 10 }
        #expect(try test.state.metrics.requestCount(.produce) == 10)
        disk.set(.open)
        #expect(try offsets(client) == Array(0..<50))
    }

    /// Beyond its own number a connection's requests count against what all of them share, until
    /// they are answered or it has closed.
    @Test func requestsInFlightOfAllConnectionsAreBounded() throws {
        let (test, disk, first) = try brokerWithBatchesInFlight {
            $0.requestsInFlightMax = 30
            $0.requestsInFlightUnshared = 10
            $0.requestsInFlightSharedMax = 25
        }
        #expect(try test.state.metrics.requestCount(.produce) == 30)
        var second: TestClient? = try test.client()
        try sendBatches(second!)
        Thread.sleep(forTimeInterval: 0.3)
        #expect(try test.state.metrics.requestCount(.produce) == 45)
        #expect(try test.state.pipelined.bytesUsed == 25)
        second = nil
        Thread.sleep(forTimeInterval: 0.3)
        disk.set(.open)
        let offsets = try offsets(first)
        #expect(offsets.prefix(30) == Array(0..<30)[...])
        #expect(zip(offsets, offsets.dropFirst()).allSatisfy { $0 < $1 })
        let start = Date()
        while try test.state.pipelined.bytesUsed > 0, Date().timeIntervalSince(start) < 5 {
            Thread.sleep(forTimeInterval: 0.01)
        }
        #expect(try test.state.pipelined.bytesUsed == 0)
    }

    /// A broker whose disk syncs nothing until it is opened, and a client that has sent batches and
    /// has no answer yet.
    private func brokerWithBatchesInFlight(
        _ change: (inout ConnectionLimits) -> Void
    ) throws -> (test: TestBroker, disk: GateDisk, client: TestClient) {
        let disk = GateDisk()
        let test = try TestBroker(limits: limits(change), disk: disk)
        try test.broker.createTopic("t")
        let client = try test.client()
        disk.set(.closed)
        try sendBatches(client)
        Thread.sleep(forTimeInterval: 0.3)
        return (test, disk, client)
    }

    private func sendBatches(_ client: TestClient) throws {
        for index in 0..<50 {
            try client.send(produce([("t", 0, try batch(["\(index)"]))]), version: 9)
        }
    }

    /// Where those batches are, in the order of the answers.
    private func offsets(_ client: TestClient) throws -> [Int64] {
        try (0..<50).map { index in
            let response = try client.answer(
                to: ProduceRequest.self, version: 9, id: Int32(index + 1))
            return response.outcomes[0].baseOffset
        }
    }

    @Test func answersThatWaitBehindALongPollAreBounded() throws {
        let test = try TestBroker()
        for topic in ["full", "empty"] { try test.broker.createTopic(topic) }
        let value = String(repeating: "x", count: 900_000)
        _ = try test.broker.append(topic: "full", records: [.init(value)])
        let client = try test.client()
        let first = try client.send(fetch([("empty", 0, 0)], maxWait: 60_000), version: 11)
        var others: [Int32] = []
        for _ in 0..<100 {
            others.append(try client.send(fetch([("full", 0, 0)]), version: 11))
        }
        Thread.sleep(forTimeInterval: 0.5)
        #expect(try test.state.responseMemory.bytesUsed < 4 << 20)
        _ = try test.broker.append(topic: "empty", records: [.init("a")])
        _ = try client.answer(to: FetchRequest.self, version: 11, id: first)
        for id in others {
            let response = try client.answer(to: FetchRequest.self, version: 11, id: id)
            #expect(try values(response.partitions[0]) == [value])
        }
        // The last bytes are counted off in the turn that sent them.
        let start = Date()
        while try test.state.responseMemory.bytesUsed > 0, Date().timeIntervalSince(start) < 5 {
            Thread.sleep(forTimeInterval: 0.01)
        }
        #expect(try test.state.responseMemory.bytesUsed == 0)
    }

    @Test func largeHalfRequestsShareOneMemory() throws {
        let test = try TestBroker(
            settings: ["queued.max.request.bytes": "8388608"],
            limits: limits { $0.requestMilliseconds = 1000 })
        var clients: [TestClient] = []
        let megabytes = ByteSlice([UInt8](repeating: 0, count: 6 << 20))
        for _ in 0..<6 {
            let client = try test.client()
            try client.send(ByteSlice([0x06, 0, 0, 0]))
            do {
                _ = try client.sendSome(megabytes, milliseconds: 100)
            } catch is SystemError {}
            clients.append(client)
        }
        // Without the bound six times 6 MiB, doubled by growth, would be held.
        #expect(try test.state.frameMemory.bytesUsed <= (8 << 20) + (16 << 20))
        #expect(try test.state.metrics.framesStarved.count > 0)
        // They end one after the other, and the memory comes back.
        let start = Date()
        while try test.state.frameMemory.bytesUsed > 0, Date().timeIntervalSince(start) < 4 {
            Thread.sleep(forTimeInterval: 0.05)
        }
        clients = []
        while try test.state.frameMemory.bytesUsed > 0, Date().timeIntervalSince(start) < 8 {
            Thread.sleep(forTimeInterval: 0.05)
        }
        #expect(try test.state.frameMemory.bytesUsed == 0)
    }

    @Test func connectionsBeyondTheMaximumAreClosedAtOnce() throws {
        let test = try TestBroker(settings: ["max.connections": "5"])
        var clients: [TestClient] = []
        for _ in 0..<5 {
            let client = try test.client()
            _ = try client.ask(ApiVersionsRequest(), version: 0)
            clients.append(client)
        }
        #expect(try test.client().closes())
        clients.removeLast()
        let start = Date()
        while try test.state.connectionCount.bytesUsed == 5, Date().timeIntervalSince(start) < 5 {
            Thread.sleep(forTimeInterval: 0.01)
        }
        _ = try test.client().ask(ApiVersionsRequest(), version: 0)
    }

    @Test func aThousandIdleConnectionsLeaveTheBrokerServing() throws {
        ProcessControl.raiseDescriptorLimit()
        let test = try TestBroker()
        var clients: [TestClient] = []
        for _ in 0..<1000 { clients.append(try test.client()) }
        _ = try test.client().ask(ApiVersionsRequest(), version: 0)
        _ = try clients[0].ask(ApiVersionsRequest(), version: 0)
        #expect(try test.state.metrics.connectionsOpen.count >= 900)
    }

    @Test func aHalfClosedClientStillGetsItsAnswers() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        let id = try client.send(produce([("t", 0, try batch(["a"]))]), version: 9)
        let response = try client.answer(to: ProduceRequest.self, version: 9, id: id)
        #expect(response.errors == [.none])
    }
}
