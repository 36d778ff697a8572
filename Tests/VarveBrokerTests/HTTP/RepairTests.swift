import Foundation
import Testing
import VarvePlatform
import VarveRecords
import VarveWire

@testable import VarveBroker

/// Damage under a running broker, as clients and operators see it.
@Suite struct RepairTests {
    private func ask(
        _ test: TestBroker, _ path: String, method: String = "GET"
    ) throws -> (status: Int, body: String) {
        let client = try test.http()
        try client.send(ByteSlice("\(method) \(path) HTTP/1.1\r\nHost: x\r\n\r\n"))
        let text = try client.readToEnd().string
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
        let status = try #require(Int(text.split(separator: " ")[1]))
        return (status, parts.count > 1 ? String(parts[1]) : "")
    }

    private func json(_ text: String) throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    /// Asks until `isDone`, for at most twenty seconds.
    private func wait(
        _ test: TestBroker, _ path: String, until isDone: ([String: Any]) -> Bool
    ) throws -> [String: Any] {
        for _ in 0..<200 {
            let found = try json(try ask(test, path).body)
            if isDone(found) { return found }
            usleep(100_000)
        }
        Issue.record("\(path) never showed it: \(try ask(test, path).body)")
        return [:]
    }

    private func makeTopic(_ client: TestClient, _ test: TestBroker) throws {
        try test.broker.createTopic(
            "t", partitions: 1, configuration: ["segment.bytes": "2000"])
        for number in 0..<30 {
            let answer = try client.ask(
                produce([("t", 0, try batch([String(repeating: "v\(number)", count: 50)]))]),
                version: 12)
            #expect(answer.responses[0].partitionResponses[0].errorCode == .none)
        }
    }

    private func flip(_ test: TestBroker, _ file: String, at position: UInt64) throws {
        let path = test.directory + "/topics/t/0/" + file
        let handle = try #require(FileHandle(forUpdatingAtPath: path))
        try handle.seek(toOffset: position)
        let byte = try #require(try handle.read(upToCount: 1)?.first)
        try handle.seek(toOffset: position)
        try handle.write(contentsOf: Data([byte ^ 0x10]))
        try handle.synchronize()
        try handle.close()
    }

    /// The offsets a consumer gets that goes on after a retriable error, as Kafka's clients do.
    private func consume(_ client: TestClient) throws -> (offsets: [Int64], errors: Int) {
        var offsets: [Int64] = []
        var errors = 0
        var next: Int64 = 0
        for _ in 0..<400 where next < 30 {
            let answer = try client.ask(
                fetch([("t", 0, next)], maxBytes: 1000, partitionMaxBytes: 400), version: 12)
            let partition = answer.responses[0].partitions[0]
            guard partition.errorCode == .none else {
                #expect(partition.errorCode == .corruptMessage)
                errors += 1
                usleep(20_000)
                continue
            }
            for (header, bytes) in RecordBatch.batches(in: partition.records ?? ByteSlice()) {
                for record in try RecordBatch.records(in: bytes) where record.offset < 30 {
                    #expect(
                        record.value?.string == String(repeating: "v\(record.offset)", count: 50))
                    offsets.append(record.offset)
                }
                next = header.nextOffset
            }
        }
        return (offsets, errors)
    }

    @Test func aConsumerGetsPastDamageWithoutARestart() throws {
        let test = try TestBroker(
            settings: ["varve.scrub.bytes.per.second": "0"], http: true)
        let client = try test.client()
        try makeTopic(client, test)
        try flip(test, "00000000000000000000.log", at: 300)
        let (offsets, errors) = try consume(client)
        #expect(errors > 0, "the damage was met")
        #expect(offsets.count == 29 && offsets == offsets.sorted())
        #expect(Set(0..<30).subtracting(offsets).count == 1)
        let status = try json(try ask(test, "/status").body)
        let health = try #require(status["health"] as? [String: Any])
        #expect(health["damageCount"] as? Int == 1)
        #expect(health["quarantinedBytes"] as? Int ?? 0 > 100)
        let damages = try #require(health["damages"] as? [[String: Any]])
        #expect(damages[0]["kind"] as? String == "corruption")
        let quarantine = try #require(damages[0]["quarantine"] as? String)
        #expect(FileManager.default.fileExists(atPath: quarantine))
        // A read that began before the segment was mended may ask for it once more.
        var metrics = ""
        for _ in 0..<1000 where !metrics.contains("varve_damaged_segments 0\n") {
            metrics = try ask(test, "/metrics").body
            usleep(10_000)
        }
        #expect(metrics.contains("varve_damages_total 1\n"))
        #expect(metrics.contains("varve_damaged_segments 0\n"))
        #expect(try ask(test, "/health").status == 200)
        // Producers never noticed.
        let answer = try client.ask(
            produce([("t", 0, try batch(["after"]))]), version: 12)
        #expect(answer.responses[0].partitionResponses[0].baseOffset == 30)
    }

    @Test func theScrubberFindsDamageThatNobodyReads() throws {
        let test = try TestBroker(settings: ["varve.scrub.interval.hours": "0"], http: true)
        let client = try test.client()
        try makeTopic(client, test)
        try flip(test, "00000000000000000000.log", at: 300)
        let status = try wait(test, "/repair") { $0["damageCount"] as? Int == 1 }
        #expect((status["partitions"] as? [Any])?.isEmpty == true)
        let later = try wait(test, "/repair") {
            ($0["scrub"] as? [String: Any])?["lastPassEndMs"] is Int
        }
        #expect((later["scrub"] as? [String: Any])?["bytes"] as? Int ?? 0 > 1000)
        #expect(try consume(client).errors == 0)
    }

    @Test func damageIsVerifiedAndMendedOnCommand() throws {
        let test = try TestBroker(
            settings: ["varve.scrub.bytes.per.second": "0"], http: true)
        let client = try test.client()
        try makeTopic(client, test)
        try flip(test, "00000000000000000000.log", at: 300)
        #expect(try ask(test, "/repair?topic=t&partition=0", method: "POST").status == 200)
        let done = try wait(test, "/repair") { found in
            let partitions = found["partitions"] as? [[String: Any]]
            return (partitions?.first?["job"] as? [String: Any])?["state"] as? String == "done"
        }
        let partitions = try #require(done["partitions"] as? [[String: Any]])
        let job = try #require(partitions[0]["job"] as? [String: Any])
        #expect(job["action"] as? String == "verify")
        #expect((job["damages"] as? [Any])?.count == 1)
        #expect(job["bytes"] as? Int ?? 0 > 3000)
        #expect(try consume(client).offsets.count == 29)
        #expect(try ask(test, "/repair?topic=none", method: "POST").status == 404)
        #expect(try ask(test, "/repair?topic=t&partition=7", method: "POST").status == 404)
        #expect(try ask(test, "/repair?topic=t&partition=x", method: "POST").status == 400)
        #expect(try ask(test, "/repair?verify=all", method: "POST").status == 200)
    }

    @Test func anOfflinePartitionIsReopenedOnCommand() throws {
        let disk = GateDisk()
        let test = try TestBroker(
            settings: ["varve.reopen.interval.ms": "0"], disk: disk, http: true)
        let client = try test.client()
        try makeTopic(client, test)
        disk.set(.failing)
        let refused = try client.ask(produce([("t", 0, try batch(["lost"]))]), version: 12)
        #expect(refused.responses[0].partitionResponses[0].errorCode == .kafkaStorageError)
        // Nothing is acknowledged while it is offline, however well the disk is (I6).
        disk.set(.open)
        let again = try client.ask(produce([("t", 0, try batch(["again"]))]), version: 12)
        #expect(again.responses[0].partitionResponses[0].errorCode == .kafkaStorageError)
        #expect(try ask(test, "/health").status == 503)
        let before = try json(try ask(test, "/repair").body)
        let partition = try #require((before["partitions"] as? [[String: Any]])?.first)
        #expect(partition["online"] as? Bool == false)
        #expect((partition["cause"] as? String)?.contains("fdatasync") == true)
        #expect(try ask(test, "/repair", method: "POST").status == 200)
        let done = try wait(test, "/repair") { found in
            let partitions = found["partitions"] as? [[String: Any]]
            return (partitions?.first?["job"] as? [String: Any])?["state"] as? String == "done"
        }
        let job = (done["partitions"] as? [[String: Any]])?.first?["job"] as? [String: Any]
        #expect(job?["action"] as? String == "reopen")
        #expect(try ask(test, "/health").status == 200)
        let taken = try client.ask(produce([("t", 0, try batch(["after"]))]), version: 12)
        #expect(taken.responses[0].partitionResponses[0].errorCode == .none)
        #expect(try consume(client).offsets.prefix(30) == Array(0..<30)[...])
    }
}
