import Testing
import VarveBroker
import VarvePlatform

@testable import VarveDelivery

/// A worker with a real sink against a server that goes through all its troubles.
@Suite(.serialized) struct SinkFaultTests {
    /// What the search server does at the moment.
    private enum Mood: Sendable {
        case busy, itemsBusy, forbidden, well
    }

    @Test func aSearchServerInTroubleCatchesUpAndItsRefusalsAreDeadLetters() async throws {
        let directory = TemporaryDirectory()
        let broker = try Broker(
            BrokerConfiguration(
                dataDirectory: directory.path + "/data", listen: ["127.0.0.1:0"],
                settings: [
                    "group.initial.rebalance.delay.ms": "0", "group.min.session.timeout.ms": "1000",
                ]))
        try broker.start()
        try broker.createTopic("zeek", partitions: 2)
        for partition in 0..<2 {
            _ = try await broker.append(
                topic: "zeek", partition: partition,
                records: (0..<300).map { BrokerRecord(#"{"n":\#($0)}"#) })
        }
        let mood = Lock(Mood.busy)
        let stored = Lock<[String: Int]>([:])
        let server = StubHTTPServer { request in
            let identities = request.body.split(separator: "\n").compactMap { line -> String? in
                guard line.hasPrefix(#"{"create":"#) else { return nil }
                do {
                    return try JSONDocument(ByteSlice(String(line))).root.field("create._id")?
                        .string
                } catch {
                    return nil
                }
            }
            switch mood.withLock({ $0 }) {
            case .busy: return .status(503, "busy")
            case .forbidden: return .status(403, "who are you?")
            case .itemsBusy:
                return .status(
                    200,
                    #"{"items":[\#(identities.map { _ in #"{"create":{"status":429}}"# }.joined(separator: ","))]}"#
                )
            case .well:
                let items = identities.map { identity -> String in
                    // Every tenth event is one that the index does not take.
                    if identity.hasSuffix("7") {
                        return
                            #"{"create":{"status":400,"error":{"type":"mapper_parsing_exception","reason":"no"}}}"#
                    }
                    let isNew = stored.withLock { stored in
                        stored[identity, default: 0] += 1
                        return stored[identity] == 1
                    }
                    return #"{"create":{"status":\#(isNew ? 201 : 409)}}"#
                }
                return .status(200, #"{"items":[\#(items.joined(separator: ","))]}"#)
            }
        }
        var search = WorkerConfiguration(
            name: "search", topics: ["zeek"],
            sink: .elasticsearch(ElasticsearchConfiguration(urls: [server.url])))
        search.retry = RetryPolicy(
            firstMilliseconds: 5, maxMilliseconds: 40, pausedMilliseconds: 60)
        search.batch.ageMilliseconds = 20
        search.commitMilliseconds = 50
        search.sessionTimeoutMilliseconds = 2000
        let worker = try Worker(
            configuration: search, bootstrap: [Endpoint(host: "127.0.0.1", port: broker.port)],
            logger: quiet)
        let run = Task { try await worker.run() }
        func waitFor(_ condition: () -> Bool) async throws -> Bool {
            for _ in 0..<2000 where !condition() { try await Task.sleep(for: .milliseconds(10)) }
            return condition()
        }
        for (trouble, count) in [(Mood.busy, 5), (.itemsBusy, 10), (.forbidden, 15)] {
            mood.withLock { $0 = trouble }
            #expect(try await waitFor { server.requests.count >= count })
        }
        #expect(try await waitFor { worker.status.state == .paused })
        #expect(worker.status.delivered == 0)
        mood.withLock { $0 = .well }
        #expect(
            try await waitFor {
                worker.status.lag == 0
                    && worker.status.partitions.allSatisfy { $0.finishedOffset == 300 }
            })
        worker.stop()
        try await run.value
        server.stop()
        #expect(worker.status.delivered == 540)
        #expect(worker.status.deadLettered == 60)
        #expect(worker.status.pausedReason == nil)
        let expected = (0..<2).flatMap { partition in
            (0..<300).filter { $0 % 10 != 7 }.map { "zeek-\(partition)-\($0)" }
        }
        #expect(stored.withLock { Set($0.keys) } == Set(expected))
        #expect(try broker.endOffset(topic: "search.dead-letter") == 60)
        let letter = try #require(try broker.read(topic: "search.dead-letter", from: 0).first)
        let reason = letter.headers.first { $0.name == "varve.reason" }?.value
        #expect(
            String(decoding: reason ?? [], as: UTF8.self)
                == "item status 400: mapper_parsing_exception: no")
        try broker.stop()
    }
}
