import Foundation
import Testing
import VarvePlatform

@testable import VarveDelivery

@Suite struct SplunkSinkTests {
    private static let success = StubAnswer.status(200, #"{"text":"Success","code":0}"#)

    private static func identities(_ request: StubRequest) -> [String] {
        request.body.split(separator: "\n").compactMap { line in
            do {
                return try JSONDocument(ByteSlice(String(line))).root.field("fields.varve_id")?
                    .string
            } catch {
                Issue.record("\(line)")
                return nil
            }
        }
    }

    private func deliver(
        _ events: [Event], _ change: (inout SplunkConfiguration) -> Void = { _ in },
        _ answer: @escaping @Sendable (StubRequest) -> StubAnswer
    ) async throws -> (verdicts: [Verdict], requests: [StubRequest]) {
        let server = StubHTTPServer(answer)
        defer { server.stop() }
        var configuration = SplunkConfiguration(urls: [server.url], token: "t0ken")
        configuration.timeoutMilliseconds = 2000
        change(&configuration)
        let sink = try SplunkSink(configuration)
        let verdicts = await sink.deliver(events)
        await sink.close()
        return (verdicts, server.requests)
    }

    @Test func eventsCarryTimeMetadataAndIdentity() async throws {
        let events: [Event] = [
            .text(#"{"host":{"name":"web1"},"a":1}"#, offset: 3), .text("a plain line", offset: 4),
        ]
        let (verdicts, requests) = try await deliver(
            events,
            {
                $0.sourcetype = "_json"
                $0.index = "soc"
                $0.fields = ["site": "north"]
            }
        ) { _ in Self.success }
        #expect(verdicts == [.delivered, .delivered])
        let request = try #require(requests.first)
        #expect(request.target == "/services/collector/event")
        #expect(request.headers["authorization"] == "Splunk t0ken")
        #expect(
            request.body
                == #"{"time":1767225600.123,"host":"web1","source":"varve:zeek","sourcetype":"_json","index":"soc","fields":{"varve_id":"zeek-0-3","site":"north"},"event":{"host":{"name":"web1"},"a":1}}"#
                + "\n"
                + #"{"time":1767225600.123,"source":"varve:zeek","sourcetype":"_json","index":"soc","fields":{"varve_id":"zeek-0-4","site":"north"},"event":"a plain line"}"#
                + "\n")
    }

    @Test func exactlyTheInvalidEventIsADeadLetter() async throws {
        let bad: Set<String> = ["zeek-0-2", "zeek-0-5"]
        let (verdicts, requests) = try await deliver(Event.series(0..<8)) { request in
            let identities = Self.identities(request)
            if let index = identities.firstIndex(where: bad.contains) {
                return .status(
                    400,
                    #"{"text":"Invalid data format","code":6,"invalid-event-number":\#(index)}"#)
            }
            return Self.success
        }
        #expect(requests.count == 3)
        for (index, verdict) in verdicts.enumerated() {
            #expect((verdict == .delivered) == !bad.contains("zeek-0-\(index)"))
            #expect(!verdict.isWaiting)
        }
        #expect(
            Self.identities(requests[2]) == [
                "zeek-0-0", "zeek-0-1", "zeek-0-3", "zeek-0-4", "zeek-0-6", "zeek-0-7",
            ])
    }

    @Test(arguments: [
        #"{"text":"Invalid data format","code":6}"#, #"{"code":6,"invalid-event-number":99}"#, "x",
    ])
    func withoutAUsableNumberTheBatchIsBisected(_ body: String) async throws {
        let (verdicts, _) = try await deliver(Event.series(0..<7)) { request in
            Self.identities(request).contains("zeek-0-4") ? .status(400, body) : Self.success
        }
        for (index, verdict) in verdicts.enumerated() {
            #expect((verdict == .delivered) == (index != 4))
            #expect(!verdict.isWaiting)
        }
    }

    @Test func aBatchThatIsTooLargeIsSplit() async throws {
        let (verdicts, _) = try await deliver(Event.series(0..<7)) { request in
            Self.identities(request).count > 3 ? .status(413, "") : Self.success
        }
        #expect(verdicts == Array(repeating: .delivered, count: 7))
    }

    @Test(arguments: [
        (403, 1), (401, 2), (401, 3), (403, 4), (400, 7), (400, 10), (400, 11), (400, 14),
        (400, 16), (404, 0),
    ])
    func credentialsAndConfigurationPause(_ status: Int, _ code: Int) async throws {
        let (verdicts, requests) = try await deliver(Event.series(0..<2)) { _ in
            .status(status, #"{"text":"x","code":\#(code)}"#)
        }
        #expect(requests.count == 1)
        for verdict in verdicts {
            guard case .pause = verdict else {
                Issue.record("\(verdict)")
                continue
            }
        }
    }

    @Test(arguments: [(503, 9), (500, 8), (429, 26), (200, 5)])
    func aBusyCollectorMeansRetry(_ status: Int, _ code: Int) async throws {
        let (verdicts, _) = try await deliver(Event.series(0..<2)) { _ in
            .status(status, #"{"text":"x","code":\#(code)}"#)
        }
        for verdict in verdicts {
            guard case .retry = verdict else {
                Issue.record("\(verdict)")
                continue
            }
        }
    }

    @Test func aSuccessThatIsNotHECsIsNone() async throws {
        let (verdicts, _) = try await deliver(Event.series(0..<1)) { _ in
            .status(200, "<html>login</html>")
        }
        #expect(verdicts[0].isWaiting)
    }
}
