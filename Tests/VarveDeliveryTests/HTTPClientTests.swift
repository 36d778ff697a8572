import Foundation
import Testing
import VarvePlatform

@testable import VarveDelivery

@Suite struct HTTPClientTests {
    private func client(_ timeoutMilliseconds: Int = 5000) -> HTTPClient {
        HTTPClient(timeoutMilliseconds: timeoutMilliseconds, headers: ["X-Test": "1"])
    }

    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    /// Reads one request; its body, or nil at the connection's end.
    private static func request(_ connection: StubConnection) -> [UInt8]? {
        guard let head = connection.read(until: "\r\n\r\n") else { return nil }
        #expect(head.hasPrefix("POST /x HTTP/1.1\r\n") && head.contains("X-Test: 1"))
        let count = head.components(separatedBy: "Content-Length: ").last
            .flatMap { Int($0.prefix { $0.isNumber }) }
        return count.flatMap { connection.read($0) }
    }

    @Test func aConnectionIsUsedAgain() async throws {
        let connections = Lock(0)
        let server = StubServer { connection in
            connections.withLock { $0 += 1 }
            while Self.request(connection) != nil { connection.write(Self.ok) }
        }
        defer { server.stop() }
        let client = client()
        for _ in 0..<5 {
            let answer = try await client.post("http://127.0.0.1:\(server.port)/x", "body")
            #expect(answer.status == 200 && answer.body == "ok")
        }
        #expect(connections.withLock { $0 } == 1)
        client.close()
    }

    /// A server ends idle connections when it likes, and says so when the next request is under
    /// way already.
    @Test func aConnectionThatEndedWhileIdleIsMadeAnew() async throws {
        let requests = Lock(0)
        let server = StubServer { connection in
            // One request each, and no word of the end.
            guard Self.request(connection) != nil else { return }
            requests.withLock { $0 += 1 }
            connection.write(Self.ok)
        }
        defer { server.stop() }
        let client = client()
        for _ in 0..<5 {
            let answer = try await client.post("http://127.0.0.1:\(server.port)/x", "body")
            #expect(answer.status == 200)
        }
        #expect(requests.withLock { $0 } == 5)
        client.close()
    }

    /// A server that refuses a request for its size neither reads all of it nor waits for it.
    @Test(arguments: [false, true]) func aRefusalIsHeardWhileTheBodyIsBeingSent(
        _ hangs: Bool
    ) async throws {
        let server = StubServer { connection in
            _ = connection.read(until: "\r\n\r\n")
            connection.write("HTTP/1.1 413 No\r\nContent-Length: 4\r\n\r\nhuge")
            if hangs { connection.hang() }
        }
        defer { server.stop() }
        let client = client()
        let body = ByteSlice(filling: 64 << 20) { room in
            room.initializeMemory(as: UInt8.self, repeating: 0x78)
            return room.count
        }
        do {
            let answer = try await client.post("http://127.0.0.1:\(server.port)/x", body)
            #expect(answer.status == 413 && answer.body == "huge")
        } catch {
            // Where the kernel throws away what it has received with the reset that answers what
            // is still being sent, the answer cannot be had.
            #expect(!hangs)
        }
        client.close()
    }

    @Test func aServerThatIsSilentIsGivenUpInTime() async {
        let server = StubServer { $0.hang() }
        defer { server.stop() }
        let client = client(200)
        let start = ContinuousClock.now
        await #expect(throws: HTTPFailure(text: "no answer in time")) {
            _ = try await client.post("http://127.0.0.1:\(server.port)/x", "body")
        }
        #expect(ContinuousClock.now - start < .seconds(20))
        client.close()
    }

    @Test func aCancelledRequestEnds() async {
        let server = StubServer { $0.hang() }
        defer { server.stop() }
        let client = client(60_000)
        let url = "http://127.0.0.1:\(server.port)/x"
        let start = ContinuousClock.now
        let task = Task { try await client.post(url, "body") }
        task.cancel()
        let result = await task.result
        #expect(throws: HTTPFailure.self) { _ = try result.get() }
        #expect(ContinuousClock.now - start < .seconds(30))
        client.close()
    }
}
