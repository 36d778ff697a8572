import Testing
import VarveClient
import VarvePlatform
import VarveRecords
import VarveWire

/// Connections, versions and timeouts, against a broker that misbehaves.
@Suite struct ConnectionTests {
    @Test func olderBrokerIsSpokenToInItsOwnVersions() async throws {
        let broker = try FakeBroker()
        broker.limit(.metadata, to: 1...4)
        let cluster = testClient([broker.endpoint])
        _ = try await cluster.metadata(topics: ["t"])
        #expect(broker.requests.map(\.apiVersion) == [3, 4])
        await cluster.close()
    }

    @Test func brokerThatDoesNotKnowOurApiVersionsIsAskedInVersionZero() async throws {
        let broker = try FakeBroker()
        broker.answerRaw(.apiVersions) { header, _, _ in
            var response = ApiVersionsResponse()
            if header.apiVersion > 0 {
                response.errorCode = .unsupportedVersion
            } else {
                var entry = ApiVersionsResponse.ApiVersion()
                entry.apiKey = ApiKey.metadata.rawValue
                entry.maxVersion = 1
                response.apiKeys = [entry]
            }
            return try encodeResponse(
                response, api: .apiVersions, version: 0, correlationId: header.correlationId)
        }
        let cluster = testClient([broker.endpoint])
        _ = try await cluster.metadata(topics: ["t"])
        #expect(broker.requests.map(\.apiVersion) == [3, 0, 1])
        await #expect(throws: ClientError.self) {
            _ = try await Admin(cluster).listGroups()
        }
        await cluster.close()
    }

    @Test func silentBrokerTimesOutAndTheNextOneIsAsked() async throws {
        let (silent, good) = (try FakeBroker(), try FakeBroker())
        silent.answerRaw(.metadata) { _, _, _ in [] }
        let cluster = testClient([silent.endpoint, good.endpoint]) {
            $0.requestTimeoutMilliseconds = 300
        }
        #expect(try await cluster.metadata(topics: []).brokers.first?.endpoint == good.endpoint)
        await cluster.close()
    }

    @Test func deadBrokerGivesAnErrorInTime() async throws {
        let broker = try FakeBroker()
        broker.stop()
        let cluster = testClient([broker.endpoint]) {
            $0.callTimeoutMilliseconds = 300
        }
        try await Task.sleep(for: .milliseconds(150))
        let error = await #expect(throws: ClientError.self) {
            _ = try await cluster.metadata(topics: [])
        }
        #expect(error?.isRetriable == true)
        await cluster.close()
        await #expect(throws: ClientError.closed) { _ = try await cluster.metadata(topics: []) }
    }

    @Test(arguments: [[UInt8]]([
        [0x7F, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0], [0, 0, 0, 3, 1, 1, 1],
        [0, 0, 0, 4, 0x7F, 0, 0, 1], [0, 0, 0, 9, 0, 0, 0, 2, 1, 2, 3, 4, 5],
    ]))
    func garbageInAnswersIsAnErrorAndNoMore(_ garbage: [UInt8]) async throws {
        let broker = try FakeBroker()
        broker.answerRaw(.metadata) { _, _, _ in [ByteSlice(garbage)] }
        let cluster = testClient([broker.endpoint]) { $0.callTimeoutMilliseconds = 200 }
        await #expect(throws: ClientError.self) { _ = try await cluster.metadata(topics: []) }
        await cluster.close()
    }

    @Test func requestsOnOneConnectionArePipelined() async throws {
        let broker = try FakeBroker()
        let cluster = testClient([broker.endpoint])
        try await withThrowingTaskGroup(of: Int.self) { group in
            for index in 0..<200 {
                group.addTask {
                    let topics = try await cluster.metadata(topics: ["t\(index)"]).topics
                    #expect(topics.map(\.name) == ["t\(index)"])
                    return index
                }
            }
            let sum = try await group.reduce(0) { $0 + $1 }
            #expect(sum == 19_900)
        }
        #expect(broker.requests.filter { $0.api == .apiVersions }.count == 1)
        await cluster.close()
    }

    @Test func closingAClusterEndsWhatWaits() async throws {
        let broker = try FakeBroker()
        broker.answerRaw(.metadata) { _, _, _ in [] }
        let cluster = testClient([broker.endpoint])
        let waiting = Task { try await cluster.metadata(topics: []) }
        try await Task.sleep(for: .milliseconds(50))
        await cluster.close()
        await #expect(throws: ClientError.closed) { _ = try await waiting.value }
    }
}
