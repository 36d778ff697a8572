import Foundation
import Testing
import VarvePlatform
import VarveRecords
import VarveWire

@testable import VarveBroker

struct ProduceTests {
    @Test(arguments: [Int16(1), -1])
    func noAnswerComesBeforeTheBatchIsDurable(acks: Int16) throws {
        let disk = GateDisk()
        let test = try TestBroker(disk: disk)
        try test.broker.createTopic("t")
        let client = try test.client()
        disk.set(.closed)
        let id = try client.send(produce([("t", 0, try batch(["a"]))], acks: acks), version: 9)
        #expect(try client.isSilent(for: 300))
        // Nor does a consumer see it (I3).
        let reader = try test.client()
        let before = try reader.ask(fetch([("t", 0, 0)]), version: 11)
        #expect(before.partitions[0].highWatermark == 0)
        #expect(try values(before.partitions[0]) == [])
        disk.set(.open)
        let response = try client.answer(to: ProduceRequest.self, version: 9, id: id)
        #expect(response.errors == [.none])
        let after = try reader.ask(fetch([("t", 0, 0)]), version: 11)
        #expect(try values(after.partitions[0]) == ["a"])
    }

    @Test func aFailedSyncIsNeverAcknowledged() throws {
        let disk = GateDisk()
        let test = try TestBroker(disk: disk)
        try test.broker.createTopic("t", partitions: 2)
        let client = try test.client()
        disk.set(.failing)
        let failed = try client.ask(produce([("t", 0, try batch(["a"]))]), version: 9)
        #expect(failed.errors == [.kafkaStorageError])
        disk.set(.open)
        // The partition stays offline until it is reopened (I6); the other one goes on.
        let later = try client.ask(
            produce([("t", 0, try batch(["b"])), ("t", 1, try batch(["c"]))]), version: 9)
        #expect(later.errors == [.kafkaStorageError, .none])
        let described = try client.ask(metadata(["t"]), version: 12)
        #expect(
            described.topics[0].partitions.map(\.errorCode) == [.leaderNotAvailable, .none])
    }

    @Test func aPartitionWhoseDiskRecoversComesBackWithWhatWasAcknowledged() throws {
        let disk = GateDisk()
        let test = try TestBroker(settings: ["varve.reopen.interval.ms": "200"], disk: disk)
        try test.broker.createTopic("t")
        let client = try test.client()
        let before = try client.ask(produce([("t", 0, try batch(["a"]))]), version: 9)
        #expect(before.errors == [.none])
        disk.set(.failing)
        let failed = try client.ask(produce([("t", 0, try batch(["b"]))]), version: 9)
        #expect(failed.errors == [.kafkaStorageError])
        disk.set(.open)
        let start = Date()
        var after = failed
        while after.errors != [.none], Date().timeIntervalSince(start) < 10 {
            Thread.sleep(forTimeInterval: 0.05)
            after = try client.ask(produce([("t", 0, try batch(["c"]))]), version: 9)
        }
        #expect(after.errors == [.none])
        // The refused batch may be there or not, as after any unknown outcome; the others are.
        let read = try client.ask(fetch([("t", 0, 0)]), version: 11)
        let found = try values(read.partitions[0])
        #expect(found.filter { $0 != "b" } == ["a", "c"])
        #expect(try client.ask(metadata(["t"])).topics[0].partitions[0].leaderId == 1)
    }

    @Test func acksZeroIsNotAnsweredAndItsErrorsCloseTheConnection() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        try client.send(produce([("t", 0, try batch(["a"]))], acks: 0), version: 9)
        let id = try client.send(ApiVersionsRequest(), version: 0)
        _ = try client.answer(to: ApiVersionsRequest.self, version: 0, id: id)
        let reader = try test.client()
        let read = try reader.ask(fetch([("t", 0, 0)], maxWait: 5000), version: 11)
        #expect(try values(read.partitions[0]) == ["a"])
        try client.send(produce([("none", 0, try batch(["a"]))], acks: 0), version: 9)
        #expect(client.closes())
    }

    @Test func severalTopicsAndPartitionsSucceedAndFailOnTheirOwn() throws {
        let test = try TestBroker()
        try test.broker.createTopic("a", partitions: 2)
        try test.broker.createTopic("b")
        let client = try test.client()
        let response = try client.ask(
            produce([
                ("a", 0, try batch(["1", "2"])), ("a", 5, try batch(["x"])),
                ("a", 1, try batch(["3"])), ("none", 0, try batch(["x"])),
                ("b", 0, try batch(["4"])),
            ]), version: 9)
        #expect(response.responses.map(\.name) == ["a", "none", "b"])
        #expect(
            response.errors
                == [.none, .unknownTopicOrPartition, .none, .unknownTopicOrPartition, .none])
        #expect(response.outcomes.map(\.baseOffset) == [0, -1, 0, -1, 0])
        #expect(try test.broker.endOffset(topic: "a", partition: 0) == 2)
        #expect(try test.broker.endOffset(topic: "b") == 1)
    }

    @Test func topicIdsNameTopicsFromVersion13() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        let id = try #require(try client.ask(metadata(["t"]), version: 12).topics.first).topicId
        var request = produce([("", 0, try batch(["a"]))])
        request.topicData[0].topicId = id
        #expect(try client.ask(request, version: 13).errors == [.none])
        request.topicData[0].topicId = .random()
        #expect(try client.ask(request, version: 13).errors == [.unknownTopicId])
    }

    @Test func everyVersionIsAnswered() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        for version in Int16(3)...12 {
            let response = try client.ask(produce([("t", 0, try batch(["a"]))]), version: version)
            #expect(response.errors == [.none], "version \(version)")
            #expect(response.outcomes[0].baseOffset == Int64(version - 3))
        }
    }

    @Test func versionsBelow3AreAdvertisedAndRefused() throws {
        let test = try TestBroker()
        let client = try test.client()
        let ranges = try client.ask(ApiVersionsRequest(), version: 0).apiKeys
        let range = try #require(ranges.first { $0.apiKey == ApiKey.produce.rawValue })
        #expect(range.minVersion == 0)
        // Header of a Produce version 2, with a body that no longer matters.
        try client.send(ByteSlice([0, 0, 0, 12, 0, 0, 0, 2, 0, 0, 0, 9, 0xFF, 0xFF, 0, 1]))
        #expect(client.closes())
    }

    // MARK: - The table of errors

    private func code(
        _ records: ByteSlice?, topic: String = "t", acks: Int16 = -1, version: Int16 = 9,
        configuration: [String: String] = [:], clientID: String = "test"
    ) throws -> ErrorCode {
        let test = try TestBroker()
        try test.broker.createTopic("t", configuration: configuration)
        _ = try test.state.makeOffsetsTopic()
        return try test.client().ask(
            produce([(topic, 0, records)], acks: acks), version: version, clientID: clientID
        ).errors[0]
    }

    private func patched(
        _ records: ByteSlice, fixesChecksum: Bool = true, _ change: (inout [UInt8]) -> Void
    ) -> ByteSlice {
        var bytes = records.array
        change(&bytes)
        if fixesChecksum {
            let checksum = bytes[21...].withUnsafeBytes { CRC32C.checksum($0) }
            withUnsafeBytes(of: checksum.bigEndian) { bytes.replaceSubrange(17..<21, with: $0) }
        }
        return ByteSlice(bytes)
    }

    @Test func badAcksAreRefused() throws {
        #expect(try code(batch(["a"]), acks: 2) == .invalidRequiredAcks)
        #expect(try code(batch(["a"]), acks: -2) == .invalidRequiredAcks)
    }

    @Test func unknownInvalidAndInternalTopicsAreRefused() throws {
        #expect(try code(batch(["a"]), topic: "none") == .unknownTopicOrPartition)
        #expect(try code(batch(["a"]), topic: "no/good") == .invalidTopic)
        #expect(try code(batch(["a"]), topic: "..") == .invalidTopic)
        #expect(
            try code(batch(["a"]), topic: String(repeating: "a", count: 250)) == .invalidTopic)
        #expect(try code(batch(["a"]), topic: "__consumer_offsets") == .invalidTopic)
        #expect(
            try code(batch(["a"]), topic: "__consumer_offsets", clientID: "__admin_client")
                != .invalidTopic)
    }

    @Test func noneOrTwoBatchesAreRefused() throws {
        #expect(try code(nil) == .invalidRecord)
        #expect(try code(ByteSlice()) == .invalidRecord)
        let one = try batch(["a"])
        #expect(try code(ByteSlice(one.array + one.array)) == .invalidRecord)
    }

    @Test func damagedBatchesAreRefusedAsCorrupt() throws {
        let good = try batch(["a", "b"])
        #expect(try code(good[..<(good.count - 1)]) == .corruptMessage)
        #expect(
            try code(patched(good, fixesChecksum: false) { $0[$0.count - 1] ^= 1 })
                == .corruptMessage)
        #expect(try code(good[..<40]) == .corruptMessage)
    }

    @Test func batchesThatBreakTheRulesAreRefusedAsInvalid() throws {
        let good = try batch(["a", "b"])
        let cases: [(String, (inout [UInt8]) -> Void)] = [
            ("old magic", { $0[16] = 1 }),
            ("base offset not 0", { $0[7] = 1 }),
            ("control batch", { $0[22] |= 32 }),
            ("no records", { $0[60] = 0 }),
            ("count and offsets differ", { $0[26] = 7 }),
            (
                "producer without sequence",
                { $0.replaceSubrange(43..<51, with: [0, 0, 0, 0, 0, 0, 0, 1]) }
            ),
        ]
        for (name, change) in cases {
            #expect(try code(patched(good, change)) == .invalidRecord, "\(name)")
        }
    }

    @Test func aTransactionNeedsAnIdThatTheCoordinatorKnows() throws {
        let good = try batch(["a"], producerID: 5, epoch: 0, sequence: 0)
        let inside = patched(good) { $0[22] |= 16 }
        #expect(try code(inside) == .transactionalIdAuthorizationFailed)
        let test = try TestBroker()
        try test.broker.createTopic("t")
        var request = produce([("t", 0, inside)])
        request.transactionalId = "mine"
        for version in Int16(3)...12 {
            #expect(
                try test.client().ask(request, version: version).errors
                    == [.invalidProducerIdMapping])
        }
        #expect(try test.broker.endOffset(topic: "t") == 0)
    }

    @Test func largeBatchesAreRefusedByWhichBoundTheyBreak() throws {
        let large = try batch([String(repeating: "x", count: 5000)])
        #expect(
            try code(large, configuration: ["max.message.bytes": "4000"]) == .messageTooLarge)
        #expect(
            try code(large, configuration: ["segment.bytes": "4000"]) == .recordListTooLarge)
    }

    @Test func timesTooFarAheadAreRefused() throws {
        let ahead = SystemClock().wallMilliseconds() + 7_200_000
        #expect(try code(batch(["a"], timestamp: ahead)) == .invalidTimestamp)
        #expect(
            try code(
                batch(["a"], timestamp: ahead),
                configuration: ["message.timestamp.type": "LogAppendTime"]) == .none)
    }

    @Test func zstdNeedsVersion7() throws {
        guard CompressionCodec.zstd.isBuiltIn else { return }
        let records = try batch(["a"], codec: .zstd)
        #expect(try code(records, version: 6) == .unsupportedCompressionType)
        #expect(try code(records, version: 7) == .none)
    }

    @Test func aProducersBatchesAreStoredOnceAndInOrder() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        let id = try client.ask(InitProducerIdRequest(), version: 4).producerId
        func send(_ value: String, _ sequence: Int32, epoch: Int16 = 0) throws
            -> ProduceResponse.Partition
        {
            try client.ask(
                produce([
                    ("t", 0, try batch([value], producerID: id, epoch: epoch, sequence: sequence))
                ]), version: 9
            ).outcomes[0]
        }
        #expect(try send("a", 0).baseOffset == 0)
        #expect(try send("b", 1).baseOffset == 1)
        let again = try send("a", 0)
        #expect(again.errorCode == .none)
        #expect(again.baseOffset == 0)
        #expect(try send("d", 3).errorCode == .outOfOrderSequenceNumber)
        #expect(try send("c", 2).baseOffset == 2)
        #expect(try send("e", 0, epoch: 1).baseOffset == 3)
        #expect(try send("f", 3).errorCode == .invalidProducerEpoch)
        #expect(try test.broker.endOffset(topic: "t") == 4)
    }
}
