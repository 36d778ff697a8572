import Foundation
import Testing
import VarvePlatform

@testable import VarveDelivery

@Suite struct SyslogSinkTests {
    private let directory = TemporaryDirectory()

    private func fileSink(_ path: String, _ disk: any Disk = PosixDisk()) -> SyslogSink {
        SyslogSink(SyslogConfiguration(destination: .file(path)), disk: disk)
    }

    private func content(_ path: String) throws -> String {
        try PosixDisk().readAll(path).string
    }

    /// Reads octet counted messages off a connection until it ends.
    private static func messages(_ connection: StubConnection, atMost: Int = .max) -> [String] {
        var result: [String] = []
        while result.count < atMost, let length = connection.read(until: " ").flatMap({ Int($0) }),
            let bytes = connection.read(length)
        {
            result.append(String(decoding: bytes, as: UTF8.self))
        }
        return result
    }

    @Test func messagesAreOctetCountedOverTCP() async throws {
        let received = Lock<[String]>([])
        let server = StubServer { connection in
            while true {
                let messages = Self.messages(connection, atMost: 1)
                if messages.isEmpty { return }
                received.withLock { $0 += messages }
                received.signal()
            }
        }
        let sink = SyslogSink(
            SyslogConfiguration(destination: .tcp(Endpoint(host: "127.0.0.1", port: server.port))),
            disk: PosixDisk())
        let events = (0..<200).map {
            Event.text("{\"message\":\"line one\\nline two \($0)\"}", offset: Int64($0))
        }
        #expect(await sink.deliver(events).allSatisfy { $0 == .delivered })
        let all = received.wait(timeoutMilliseconds: 5000) { $0.count == 200 ? $0 : nil }
        server.stop()
        let messages = try #require(all)
        for (index, message) in messages.enumerated() {
            #expect(
                message.hasPrefix(
                    "<134>1 2026-01-01T00:00:00.123Z - varve - - - CEF:0|Varve|Varve|1|zeek|line one|3|"
                ))
            #expect(message.hasSuffix(#"msg=line one\nline two \#(index)"#))
            #expect(message.contains("externalId=zeek-0-\(index) "))
            #expect(!message.contains("\n"))
        }
        await sink.close()
    }

    @Test func aReceiverThatIsGoneOrHangsUpMeansRetry() async throws {
        let gone = SyslogSink(
            SyslogConfiguration(destination: .tcp(Endpoint(host: "127.0.0.1", port: 1))),
            disk: PosixDisk())
        #expect(await gone.deliver(Event.series(0..<2)).areAllWaiting)

        // The first connection ends after two messages, the second takes all.
        let connections = Lock(0)
        let received = Lock<[String]>([])
        let server = StubServer { connection in
            let isFirst = connections.withLock { count in
                count += 1
                return count == 1
            }
            while true {
                let messages = Self.messages(connection, atMost: isFirst ? 2 : 1)
                received.withLock { $0 += messages }
                received.signal()
                if isFirst || messages.isEmpty { return }
            }
        }
        let sink = SyslogSink(
            SyslogConfiguration(destination: .tcp(Endpoint(host: "127.0.0.1", port: server.port))),
            disk: PosixDisk())
        let large = (0..<20_000).map {
            Event.text(
                "{\"message\":\"\($0) \(String(repeating: "x", count: 400))\"}", offset: Int64($0))
        }
        #expect(await sink.deliver(large).areAllWaiting)
        #expect(await sink.deliver(Event.series(0..<5)).allSatisfy { $0 == .delivered })
        #expect(received.wait(timeoutMilliseconds: 5000) { $0.count == 7 ? true : nil } == true)
        server.stop()
        await sink.close()
    }

    @Test func anIdleConnectionThatTheReceiverClosedIsReplaced() async throws {
        let received = Lock(0)
        let server = StubServer { connection in
            let messages = Self.messages(connection, atMost: 1)
            received.withLock { $0 += messages.count }
            received.signal()
        }
        let sink = SyslogSink(
            SyslogConfiguration(destination: .tcp(Endpoint(host: "127.0.0.1", port: server.port))),
            disk: PosixDisk())
        for round in 1...4 {
            // The stub closes after each message; a verdict may see that at once or not at all.
            var verdict = await sink.deliver(Event.series(0..<1))
            if verdict[0].isWaiting { verdict = await sink.deliver(Event.series(0..<1)) }
            #expect(received.wait(timeoutMilliseconds: 2000) { $0 >= round ? true : nil } == true)
            usleep(20_000)
        }
        server.stop()
        await sink.close()
    }

    @Test func aReceiverThatNeverReadsMeansRetryInTime() async throws {
        let server = StubServer { $0.hang() }
        var configuration = SyslogConfiguration(
            destination: .tcp(Endpoint(host: "127.0.0.1", port: server.port)))
        configuration.timeoutMilliseconds = 400
        configuration.messageBytesMax = 1 << 20
        let sink = SyslogSink(configuration, disk: PosixDisk())
        let events = (0..<5).map {
            Event.text(String(repeating: "x", count: 400_000), offset: Int64($0))
        }
        let start = SystemClock().monotonicMilliseconds()
        #expect(await sink.deliver(events).areAllWaiting)
        // Without its deadline the sink would wait for ever; the room is for a busy machine.
        #expect(SystemClock().monotonicMilliseconds() - start < 30_000)
        server.stop()
        await sink.close()
    }

    @Test func aFileGetsALineEachAndAHalfLineIsTakenAway() async throws {
        let path = directory.path + "/deep/er/siem.log"
        let sink = fileSink(path)
        #expect(await sink.deliver(Event.series(0..<2)).allSatisfy { $0 == .delivered })
        await sink.close()
        let file = try PosixDisk().open(path, .readWrite)
        try ByteSlice("<134>1 half a li").withUnsafeBytes {
            try file.write($0, at: try file.size())
        }
        #expect(await fileSink(path).deliver(Event.series(2..<3)) == [.delivered])
        let lines = try content(path).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 4 && lines[3].isEmpty)
        for index in 0..<3 { #expect(lines[index].hasSuffix("msg=event number \(index)")) }
    }

    @Test func aKillAtAnyStepLeavesWholeLinesOfAllDeliveredEvents() async throws {
        var operations = 0
        while true {
            let path = directory.path + "/kill-\(operations)/siem.log"
            let disk = KillingDisk(operations: operations)
            let first = fileSink(path, disk)
            var done: Int64 = 0
            for end: Int64 in [3, 6] {
                guard await first.deliver(Event.series(done..<end)).allSatisfy({ $0 == .delivered })
                else { break }
                done = end
            }
            #expect(
                await fileSink(path).deliver(Event.series(done..<8)).allSatisfy { $0 == .delivered }
            )
            let lines = try content(path).split(separator: "\n")
            var expected: Int64 = 0
            for line in lines {
                // At least once and in order: a number is the last one's next, or goes back.
                let number = try #require(Int64(line.split(separator: " ").last!))
                #expect(number <= expected)
                expected = max(expected, number + 1)
                #expect(line.hasPrefix("<134>1 "))
            }
            #expect(expected == 8)
            if !disk.isKilled { break }
            operations += 1
        }
        #expect(operations > 4)
    }
}
