import Foundation
import Testing
import VarvePlatform
import VarveRecords

@testable import VarveDelivery

extension GzipBody {
    static func decompressForTests(_ body: ByteSlice) throws -> ByteSlice {
        try CompressionCodec.gzip.decompress(body, bytesMax: 64 << 20)
    }
}

@Suite struct ElasticsearchSinkTests {
    /// One create action and its document as they stood in a request.
    private struct Action {
        let index: String
        let id: String
        let document: String
    }

    private static func actions(_ request: StubRequest) -> [Action] {
        let lines = request.body.split(separator: "\n", omittingEmptySubsequences: false)
        var result: [Action] = []
        for index in stride(from: 0, to: lines.count - 1, by: 2) {
            do {
                let head = try JSONDocument(ByteSlice(String(lines[index]))).root
                result.append(
                    Action(
                        index: head.field("create._index")?.string ?? "",
                        id: head.field("create._id")?.string ?? "",
                        document: String(lines[index + 1])))
            } catch {
                Issue.record("no action line: \(lines[index])")
            }
        }
        return result
    }

    private static func answer(_ items: [String]) -> StubAnswer {
        .status(200, #"{"errors":true,"items":[\#(items.joined(separator: ","))]}"#)
    }

    private static func item(_ status: Int) -> String {
        status < 300
            ? #"{"create":{"status":\#(status)}}"#
            : #"{"create":{"status":\#(status),"error":{"type":"some_exception","reason":"because \#(status)","caused_by":{"type":"deeper","reason":"really"}}}}"#
    }

    private func deliver(
        _ events: [Event], _ change: (inout ElasticsearchConfiguration) -> Void = { _ in },
        _ answer: @escaping @Sendable (StubRequest) -> StubAnswer
    ) async throws -> (verdicts: [Verdict], requests: [StubRequest]) {
        let server = StubHTTPServer(answer)
        defer { server.stop() }
        var configuration = ElasticsearchConfiguration(urls: [server.url])
        configuration.timeoutMilliseconds = 2000
        change(&configuration)
        let sink = try ElasticsearchSink(configuration)
        let verdicts = await sink.deliver(events)
        await sink.close()
        return (verdicts, server.requests)
    }

    @Test func eachItemHasItsOwnVerdictByPosition() async throws {
        let statuses = [201, 409, 429, 400, 503, 404, 200, 413, 403, 500]
        let (verdicts, requests) = try await deliver(Event.series(0..<10)) { _ in
            Self.answer(statuses.map(Self.item))
        }
        #expect(requests.count == 1)
        func reason(_ status: Int) -> Reason {
            Reason(
                "item status \(status): some_exception: because \(status); caused by deeper: really",
                httpStatus: status)
        }
        #expect(
            verdicts == [
                .delivered, .delivered, .retry(reason(429)), .deadLetter(reason(400)),
                .retry(reason(503)), .deadLetter(reason(404)), .delivered,
                .deadLetter(reason(413)), .pause(reason(403)), .retry(reason(500)),
            ])
    }

    @Test func documentsCarryIdentityIndexAndTime() async throws {
        let events: [Event] = [
            .text(#"{"a":1}"#, topic: "Zeek.DNS", offset: 7),
            .text("{\n \"@timestamp\":\"2025-12-31T23:59:59Z\",\r\n \"b\":\"x\\ny\"}", offset: 8),
            .text("plain \"text\"\n", offset: 9), .text("{}", offset: 10),
        ]
        let (verdicts, requests) = try await deliver(
            events,
            {
                $0.index = "logs-%{topic}-%{+YYYY.MM.dd}"
                $0.credentials = .apiKey(Secret("id:key"))
                $0.pipeline = "p 1"
            }
        ) { _ in Self.answer(Array(repeating: Self.item(201), count: 4)) }
        #expect(verdicts == Array(repeating: .delivered, count: 4))
        let request = try #require(requests.first)
        #expect(
            request.target
                == "/_bulk?filter_path=errors,items.*.status,items.*.error&pipeline=p%201")
        #expect(request.headers["authorization"] == "ApiKey aWQ6a2V5")
        #expect(request.headers["content-type"] == "application/x-ndjson")
        #expect(request.body.hasSuffix("\n"))
        let actions = Self.actions(request)
        #expect(actions.map(\.id) == ["Zeek.DNS-0-7", "zeek-0-8", "zeek-0-9", "zeek-0-10"])
        #expect(
            actions.map(\.index) == [
                "logs-zeek.dns-2026.01.01", "logs-zeek-2025.12.31", "logs-zeek-2026.01.01",
                "logs-zeek-2026.01.01",
            ])
        #expect(
            actions.map(\.document) == [
                #"{"@timestamp":"2026-01-01T00:00:00.123Z","a":1}"#,
                #"{  "@timestamp":"2025-12-31T23:59:59Z",   "b":"x\ny"}"#,
                #"{"@timestamp":"2026-01-01T00:00:00.123Z","message":"plain \"text\""}"#,
                #"{"@timestamp":"2026-01-01T00:00:00.123Z"}"#,
            ])
    }

    @Test(arguments: [true, false]) func requestsAreCompressedWhereAsked(_ gzip: Bool) async throws
    {
        let (_, requests) = try await deliver(
            Event.series(0..<3), { $0.gzip = gzip && GzipBody.isBuiltIn }
        ) {
            _ in Self.answer([Self.item(201), Self.item(201), Self.item(201)])
        }
        #expect(
            (requests.first?.headers["content-encoding"] == "gzip") == (gzip && GzipBody.isBuiltIn))
        #expect(Self.actions(try #require(requests.first)).count == 3)
    }

    @Test func aBatchThatIsTooLargeIsSplitUntilItFits() async throws {
        let (verdicts, requests) = try await deliver(Event.series(0..<8)) { request in
            let actions = Self.actions(request)
            // The event 5 alone is too large; with it no request passes, and no more than two fit.
            if actions.count > 2 || actions.contains(where: { $0.id == "zeek-0-5" }) {
                return .status(413, "too large")
            }
            return Self.answer(actions.map { _ in Self.item(201) })
        }
        for (index, verdict) in verdicts.enumerated() where index != 5 {
            #expect(verdict == .delivered)
        }
        guard case .deadLetter(let reason) = verdicts[5] else {
            Issue.record("\(verdicts[5])")
            return
        }
        #expect(reason.httpStatus == 413)
        #expect(requests.count < 16)
    }

    @Test func aRefusedRequestIsBisectedToTheEventAtFault() async throws {
        let (verdicts, _) = try await deliver(Event.series(0..<9)) { request in
            let actions = Self.actions(request)
            if actions.contains(where: { $0.id == "zeek-0-3" }) { return .status(400, "bad") }
            return Self.answer(actions.map { _ in Self.item(201) })
        }
        #expect(verdicts.filter { $0 == .delivered }.count == 8)
        #expect(!verdicts[3].isWaiting && verdicts[3] != .delivered)
    }

    @Test(arguments: [429, 500, 502, 503, 504, 408]) func theWholeBatchWaits(_ status: Int)
        async throws
    {
        let (verdicts, _) = try await deliver(Event.series(0..<3)) { _ in .status(status, "busy") }
        for verdict in verdicts {
            guard case .retry(let reason) = verdict else {
                Issue.record("\(verdict)")
                continue
            }
            #expect(reason.httpStatus == status)
        }
    }

    @Test(arguments: [401, 403, 404, 405]) func theSinkPauses(_ status: Int) async throws {
        let (verdicts, requests) = try await deliver(Event.series(0..<3)) { _ in
            .status(status, "no")
        }
        #expect(requests.count == 1)
        for verdict in verdicts {
            guard case .pause = verdict else {
                Issue.record("\(verdict)")
                continue
            }
        }
    }

    @Test func noEventFollowsARedirect() async throws {
        let elsewhere = StubHTTPServer { _ in .status(200, "{}") }
        let place = elsewhere.url + "/_bulk"
        let (verdicts, requests) = try await deliver(Event.series(0..<2)) { _ in .redirect(place) }
        #expect(verdicts.areAllWaiting)
        #expect(requests.count == 1)
        #expect(elsewhere.requests.isEmpty)
        elsewhere.stop()
    }

    @Test(arguments: [
        "", "<html>", "{}", #"{"items":[]}"#, #"{"items":[{"create":{"status":201}}]}"#,
        #"{"items":[{"create":{}},{"create":{}}]}"#, #"{"items":[1,2]}"#,
    ])
    func anAnswerThatSaysNothingOfTheEventsIsNoVerdict(_ body: String) async throws {
        let (verdicts, _) = try await deliver(Event.series(0..<2)) { _ in .status(200, body) }
        for verdict in verdicts { #expect(verdict.isWaiting) }
    }

    @Test func aBrokenOrSilentServerMeansRetry() async throws {
        for answer in [StubAnswer.abort, .hang] {
            let (verdicts, _) = try await deliver(
                Event.series(0..<2), { $0.timeoutMilliseconds = 300 }
            ) { _ in answer }
            for verdict in verdicts {
                guard case .retry = verdict else {
                    Issue.record("\(verdict)")
                    continue
                }
            }
        }
    }

    @Test func anotherNodeTakesOverFromOneThatIsGone() async throws {
        let server = StubHTTPServer { request in
            Self.answer(Self.actions(request).map { _ in Self.item(201) })
        }
        defer { server.stop() }
        // Port 1 refuses connections.
        var configuration = ElasticsearchConfiguration(urls: ["http://127.0.0.1:1", server.url])
        configuration.timeoutMilliseconds = 2000
        let sink = try ElasticsearchSink(configuration)
        var verdicts = await sink.deliver(Event.series(0..<1))
        #expect(verdicts.areAllWaiting)
        for _ in 0..<3 {
            verdicts = await sink.deliver(Event.series(0..<1))
            #expect(verdicts == [.delivered])
        }
        await sink.close()
    }

    /// What goes through as it is and what is taken apart come to the same lines.
    @Test func bothWaysOfADocumentGiveTheSameLines() throws {
        func lines(_ value: String, _ index: String, offset: Int64) throws -> String {
            let events = [
                Event.text(value, topic: "Zeek\"x", partition: 3, offset: offset),
                Event.text(value, topic: "Zeek\"x", partition: 4, offset: offset + 1),
            ]
            let (text, ends) = BulkLines(events, try EventTemplate(index)).finish()
            #expect(ends.count == 2 && ends.last == text.count)
            #expect(text[0..<ends[0]].string.filter(\.isNewline).count == 2)
            return text.string
        }
        for value in [
            #"{"@timestamp":"2026-01-01T00:00:00.000Z","message":"a"}"#,
            #"{"a":{"@timestamp":1},"@timestamp":null}"#, #"{"\u0040timestamp":1}"#,
        ] {
            for offset in [0, 9, Int64.max - 1] {
                let plain = try lines(value, "Logs-%{topic}-%{partition}", offset: offset)
                // A space behind the value is cut off, which only the long way does.
                let taken = try lines(value + " ", "Logs-%{topic}-%{partition}", offset: offset)
                #expect(plain == taken)
                #expect(plain.contains(#""_index":"logs-zeek_x-4","_id":"Zeek\"x-4-"#))
            }
        }
    }

    @Test func namesBecomeNamesThatAnIndexCanHave() {
        #expect(BulkLines.indexName("Logs-A b/c*?\"<>|,#:d") == "logs-a_b_c_________d")
        #expect(BulkLines.indexName("-_+x") == "x")
        #expect(BulkLines.indexName("..") == "logs-unrouted-default")
        #expect(BulkLines.indexName(String(repeating: "x", count: 300)).utf8.count == 255)
    }
}
