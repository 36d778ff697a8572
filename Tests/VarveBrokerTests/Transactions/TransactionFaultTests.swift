import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// Transactions on disks that wait or fail: nothing is answered before it is durable, and what was
/// answered stands.
struct TransactionFaultTests {
    private let place = TransactionPartition(topic: "t", index: 0)

    private func broker(_ disk: GateDisk, _ settings: [String: String] = [:]) throws -> TestBroker {
        let test = try TestBroker(
            settings: ["transaction.state.log.num.partitions": "1"].merging(settings) { $1 },
            disk: disk)
        try test.broker.createTopic("t")
        return test
    }

    /// Sends `request` while no sync comes to its end: it must not be answered before.
    private func waits<Request: WireRequest>(
        _ request: Request, version: Int16, on disk: GateDisk, _ client: TestClient
    ) throws -> Request.Response {
        disk.set(.closed)
        let id = try client.send(request, version: version)
        #expect(try client.isSilent(for: 150), "\(Request.self) was answered before its sync")
        disk.set(.open)
        return try client.answer(to: Request.self, version: version, id: id)
    }

    @Test func nothingIsAnsweredBeforeItIsDurable() throws {
        let disk = GateDisk()
        let test = try broker(disk)
        let client = try test.client()
        let producer = TransactionalClient(client, id: "x")
        #expect(try producer.initialize() == .none)
        var request = InitProducerIdRequest()
        request.transactionalId = "x"
        request.transactionTimeoutMs = 60_000
        let begun = try waits(request, version: 4, on: disk, client)
        #expect(begun.errorCode == .none && begun.producerEpoch == 1)
        producer.producer.epoch = 1

        var adding = AddPartitionsToTxnRequest()
        adding.v3AndBelowTransactionalId = "x"
        adding.v3AndBelowProducerId = producer.producer.id
        adding.v3AndBelowProducerEpoch = producer.producer.epoch
        adding.v3AndBelowTopics = [
            AddPartitionsToTxnRequest.Topic {
                $0.name = "t"
                $0.partitions = [0]
            }
        ]
        let added = try waits(adding, version: 3, on: disk, client)
        #expect(
            added.resultsByTopicV3AndBelow[0].resultsByPartition[0].partitionErrorCode == .none)
        // A retry whose first try is not durable yet waits for it, too.
        #expect(try producer.addOffsets(of: "g") == .none)
        let committing = TxnOffsetCommitRequest {
            $0.transactionalId = "x"
            $0.groupId = "g"
            $0.producerId = producer.producer.id
            $0.producerEpoch = producer.producer.epoch
            $0.topics = [
                TxnOffsetCommitRequest.Topic {
                    $0.name = "t"
                    $0.partitions = [TxnOffsetCommitRequest.Partition { $0.committedOffset = 7 }]
                }
            ]
        }
        let kept = try waits(committing, version: 3, on: disk, client)
        #expect(kept.topics[0].partitions[0].errorCode == .none)
        #expect(try producer.write(["a"], to: place) == .none)
        let ended = try waits(
            EndTxnRequest {
                $0.transactionalId = "x"
                $0.producerId = producer.producer.id
                $0.producerEpoch = producer.producer.epoch
                $0.committed = true
            }, version: 3, on: disk, client)
        #expect(ended.errorCode == .none)
        let reader = CommittedReader(client: client)
        #expect(try reader.read(place).values == ["a"])
        #expect(try reader.offset(of: "g", in: place).offset == 7)
    }

    @Test func nothingIsWrittenToAPartitionThatIsNotDurablyAdded() throws {
        let disk = GateDisk()
        let test = try broker(disk)
        let client = try test.client()
        let producer = TransactionalClient(client, id: "x", isModern: true)
        _ = try producer.initialize()
        let log = try #require(try test.state.directory.topic("t")?.partition(0))
        disk.set(.closed)
        let id = try client.send(producer.request(["a"], to: place), version: 12)
        #expect(try client.isSilent(for: 150))
        #expect(log.endOffset == 0, "a crash now would leave a transaction that nobody ends")
        disk.set(.open)
        #expect(
            try client.answer(to: ProduceRequest.self, version: 12, id: id).errors == [.none])
        #expect(log.endOffset == 1)
    }

    @Test func whatMayNotBeDurableIsNotAcknowledgedAndTheDisksTruthCounts() throws {
        let disk = GateDisk()
        let test = try broker(disk, ["varve.reopen.interval.ms": "100"])
        let client = try test.client()
        let producer = TransactionalClient(client, id: "x")
        _ = try producer.initialize()
        #expect(try producer.add([place]) == [.none])
        #expect(try producer.write(["a", "b"], to: place) == .none)
        disk.set(.failing)
        #expect(try producer.end(commits: true) == .coordinatorNotAvailable)
        #expect(try producer.add([place]) == [.coordinatorNotAvailable])
        // Producers of other transactional ids on the same disk fare no better.
        #expect(try TransactionalClient(client, id: "y").initialize() != .none)
        disk.set(.open)
        let deadline = ContinuousClock.now + .seconds(20)
        var outcome = ErrorCode.coordinatorNotAvailable
        while outcome != .none, ContinuousClock.now < deadline {
            Thread.sleep(forTimeInterval: 0.1)
            outcome = try producer.end(commits: true)
            #expect(outcome == .none || outcome.isRetriable, "\(outcome)")
        }
        #expect(outcome == .none)
        let reader = CommittedReader(client: client)
        #expect(try reader.read(place).values == ["a", "b"])
        #expect(try reader.read(place).end == 3)
    }

    @Test func aMarkerThatCannotBeWrittenIsWrittenWhenItCan() throws {
        let disk = GateDisk()
        let test = try broker(disk, ["varve.reopen.interval.ms": "0"])
        let client = try test.client()
        let producer = TransactionalClient(client, id: "x")
        _ = try producer.initialize()
        #expect(try producer.add([place]) == [.none])
        #expect(try producer.write(["a"], to: place) == .none)
        let log = try #require(try test.state.directory.topic("t")?.partition(0))
        // Only this partition's disk fails.
        disk.set(.failing)
        #expect(try client.ask(produce([("t", 0, batch(["x"]))]), version: 9).errors != [.none])
        disk.set(.open)
        #expect(!log.isOnline)
        // Decided, durably; the marker is missing.
        #expect(try producer.end(commits: true) == .none)
        #expect(try producer.add([place]) == [.concurrentTransactions])
        let described = try client.ask(
            DescribeTransactionsRequest { $0.transactionalIds = ["x"] }
        ).transactionStates[0]
        #expect(described.transactionState == "PrepareCommit")
        #expect(described.topics.map(\.topic) == ["t"])
        _ = try log.reopen(now: SystemClock().wallMilliseconds())
        let reader = CommittedReader(client: client)
        let deadline = ContinuousClock.now + .seconds(10)
        var values: [String] = []
        while values.first != "a", ContinuousClock.now < deadline {
            Thread.sleep(forTimeInterval: 0.05)
            values = try reader.read(place).values
        }
        #expect(values.first == "a")
        #expect(try producer.add([place]) == [.none])
    }

    @Test func whatIsDecidedIsFinishedAfterARestart() throws {
        let directory = TestBroker.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let disk = GateDisk()
        var test = try TestBroker(disk: disk, directory: directory)
        try test.broker.createTopic("t")
        var client = try test.client()
        let names = ["commits", "aborts", "goes on"]
        var producers = names.map { TransactionalClient(client, id: $0) }
        for producer in producers {
            _ = try producer.initialize()
            #expect(try producer.add([place]) == [.none])
            #expect(try producer.write([producer.id], to: place) == .none)
        }
        let log = try #require(try test.state.directory.topic("t")?.partition(0))
        disk.set(.failing)
        #expect(try client.ask(produce([("t", 0, batch(["x"]))]), version: 9).errors != [.none])
        disk.set(.open)
        #expect(!log.isOnline)
        #expect(try producers[0].end(commits: true) == .none)
        #expect(try producers[1].end(commits: false) == .none)

        do { try test.broker.stop() } catch {}
        test = try TestBroker(disk: disk, directory: directory)
        client = try test.client()
        let reader = CommittedReader(client: client)
        let open = TransactionalClient(client, id: "goes on")
        open.producer = producers[2].producer
        open.wrote(1, to: place)
        producers = []
        #expect(try open.write(["and on"], to: place) == .none)
        #expect(try open.end(commits: true) == .none)
        #expect(
            try reader.read(place).values.filter { $0 != "x" }
                == ["commits", "goes on", "and on"])
    }
}
