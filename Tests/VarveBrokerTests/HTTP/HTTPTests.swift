import Foundation
import Testing
import VarvePlatform

@testable import VarveBroker

struct HTTPTests {
    private func get(
        _ test: TestBroker, _ path: String, method: String = "GET"
    ) throws -> (status: Int, body: String) {
        let client = try test.http()
        try client.send(ByteSlice("\(method) \(path) HTTP/1.1\r\nHost: x\r\n\r\n"))
        let text = try client.readToEnd().string
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
        let status = text.split(separator: " ")[1]
        return (try #require(Int(status)), parts.count > 1 ? String(parts[1]) : "")
    }

    @Test func healthMetricsAndStatusAreServed() throws {
        let test = try TestBroker(http: true)
        try test.broker.createTopic("t", partitions: 2)
        _ = try test.broker.append(topic: "t", partition: 1, records: [.init("a"), .init("b")])
        let health = try get(test, "/health")
        #expect(health.status == 200 && health.body.contains("\"status\":\"ok\""))
        let metrics = try get(test, "/metrics")
        #expect(metrics.status == 200)
        for line in [
            "kafka_brokers 1", "kafka_topic_partitions{topic=\"t\"} 2",
            "kafka_topic_partition_current_offset{partition=\"1\",topic=\"t\"} 2",
            "kafka_topic_partition_oldest_offset{partition=\"1\",topic=\"t\"} 0",
        ] {
            #expect(metrics.body.contains(line + "\n"), "\(line)")
        }
        // Every sample stands under its own type line, as the text format wants it.
        var typed: Set<String> = []
        for line in metrics.body.split(separator: "\n") {
            let words = line.split(separator: " ")
            if line.hasPrefix("# TYPE") {
                #expect(typed.insert(String(words[2])).inserted, "\(line) stands twice")
            } else if !line.hasPrefix("#") {
                #expect(typed.contains(String(words[0].prefix { $0 != "{" })), "\(line)")
                #expect(Int(words[1]) != nil)
            }
        }
        let status = try get(test, "/status?x=1")
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(status.body.utf8)) as? [String: Any])
        let topics = try #require(json["topics"] as? [[String: Any]])
        #expect(topics.map { $0["name"] as? String } == ["t"])
        let partitions = try #require(topics[0]["partitions"] as? [[String: Any]])
        #expect(partitions.map { $0["endOffset"] as? Int } == [0, 2])
        #expect((json["process"] as? [String: Any])?["residentBytes"] as? Int ?? 0 > 1_000_000)
    }

    @Test func aSickPartitionShowsInHealth() throws {
        let disk = GateDisk()
        let test = try TestBroker(disk: disk, http: true)
        try test.broker.createTopic("t")
        disk.set(.failing)
        #expect(throws: BrokerError.self) {
            try test.broker.append(topic: "t", records: [.init("a")])
        }
        disk.set(.open)
        let health = try get(test, "/health")
        #expect(health.status == 503)
        #expect(health.body.contains("\"t-0\""))
    }

    @Test func onlyGetAndHeadAreAnswered() throws {
        let test = try TestBroker(http: true)
        #expect(try get(test, "/health", method: "POST").status == 405)
        let head = try get(test, "/health", method: "HEAD")
        #expect(head.status == 200 && head.body.isEmpty)
        #expect(try get(test, "/nothing").status == 404)
        #expect(try get(test, "/").status == 200)
    }

    @Test func garbageAndEndlessHeadsAreRefused() throws {
        let test = try TestBroker(http: true)
        let garbage = try test.http()
        try garbage.send(ByteSlice("\u{1}\u{2}\u{3}\r\n\r\n"))
        #expect(try garbage.readToEnd().string.hasPrefix("HTTP/1.1 400"))
        let endless = try test.http()
        try endless.send(ByteSlice("GET / HTTP/1.1\r\n"))
        do {
            let line = "X: " + String(repeating: "y", count: 100) + "\r\n"
            for _ in 0..<200 { try endless.send(ByteSlice(line)) }
        } catch is SystemError {}
        #expect(endless.closes())
        #expect(try get(test, "/health").status == 200)
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\n", "incomplete"), ("GET / HTTP/1.1\r\n\r\n", "GET /"),
        ("GET /a?b HTTP/1.0\n\n", "GET /a"), ("get / HTTP/1.1\r\n\r\n", "malformed"),
        ("GET x HTTP/1.1\r\n\r\n", "malformed"), ("GET /\r\n\r\n", "malformed"),
        ("GET / FTP/1.1\r\n\r\n", "malformed"), ("", "incomplete"), ("\n\n", "malformed"),
    ])
    func headsAreRead(text: String, wanted: String) {
        switch HTTPRequest.parse(Array(text.utf8)) {
        case .incomplete: #expect(wanted == "incomplete")
        case .malformed: #expect(wanted == "malformed")
        case .request(let request): #expect(wanted == "\(request.method) \(request.path)")
        }
    }
}
