import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveRecords
import VarveWire

@testable import VarveBroker

/// Transactions as clients meet them: requests in every version, over a socket.
struct TransactionHandlerTests {
    private let places = (0..<2).map { TransactionPartition(topic: "t", index: $0) }

    private func broker(_ settings: [String: String] = [:]) throws -> TestBroker {
        let test = try TestBroker(settings: settings, http: true)
        try test.broker.createTopic("t", partitions: 2)
        return test
    }

    private func read(_ test: TestBroker) throws -> [[String]] {
        let reader = CommittedReader(client: try test.client())
        return try places.map { try reader.read($0).values }
    }

    @Test(arguments: [false, true])
    func aTransactionIsSeenWhenItCommitsAndNeverWhenItAborts(isModern: Bool) throws {
        let test = try broker()
        let reader = CommittedReader(client: try test.client())
        let producer = TransactionalClient(try test.client(), id: "x", isModern: isModern)
        #expect(try producer.initialize() == .none)
        for (round, commits) in [true, false, false, true].enumerated() {
            if !isModern { #expect(try producer.add(places) == [.none, .none]) }
            let before = try read(test)
            for place in places {
                #expect(try producer.write(["\(round)a", "\(round)b"], to: place) == .none)
                #expect(try producer.write(["\(round)c"], to: place) == .none)
            }
            #expect(try read(test) == before, "an open transaction is seen")
            let all = try reader.read(places[0], isolation: 0).values
            #expect(all.last == "\(round)c")
            let epoch = producer.producer.epoch
            #expect(try producer.end(commits: commits) == .none)
            #expect(producer.producer.epoch == (isModern ? epoch + 1 : epoch))
        }
        let expected = ["0a", "0b", "0c", "3a", "3b", "3c"]
        #expect(try read(test) == [expected, expected])
        for place in places {
            // Each round: three records and a marker.
            #expect(try reader.read(place).end == 16)
        }
        #expect(try test.state.metrics.produceErrors.count == 0)
    }

    @Test func everyVersionOfTheClassicRequestsIsServed() throws {
        let test = try broker()
        let producer = TransactionalClient(try test.client(), id: "x")
        for version in Int16(0)...5 {
            #expect(try producer.initialize(version: version) == .none)
            for add in Int16(0)...5 {
                #expect(try producer.add([places[0]], version: add) == [.none])
            }
            #expect(
                try producer.write(["\(version)"], to: places[0], version: 3 + version) == .none)
            #expect(try producer.end(commits: true, version: min(version, 4)) == .none)
        }
        #expect(try read(test)[0] == ["0", "1", "2", "3", "4", "5"])
    }

    @Test func whatIsNotAddedIsRefusedInEveryVersionsOwnWords() throws {
        let test = try broker()
        let producer = TransactionalClient(try test.client(), id: "x")
        _ = try producer.initialize()
        #expect(try producer.add([places[0]]) == [.none])
        #expect(try producer.write(["a"], to: places[1], version: 10) == .invalidTxnState)
        #expect(try producer.write(["a"], to: places[1], version: 11) == .transactionAbortable)
        #expect(try producer.verify(places[0]) == [.none])
        #expect(try producer.verify(places[1]) == [.transactionAbortable])
        #expect(try producer.write(["a"], to: places[0], version: 10) == .none)
        #expect(try producer.end(commits: true) == .none)
        // A late batch does not get behind the marker.
        #expect(try producer.write(["late"], to: places[0], version: 10) == .invalidTxnState)
        #expect(try producer.end(commits: false) == .invalidTxnState)
        #expect(try producer.end(commits: true) == .none)
        let missing = TransactionPartition(topic: "none", index: 0)
        #expect(
            try producer.add([places[0], missing])
                == [.operationNotAttempted, .unknownTopicOrPartition])
    }

    /// A client that loses count over an abort must not hear that its new records are stored.
    @Test func aRetryIsOneInItsOwnTransactionOnly() throws {
        let test = try broker()
        let client = try test.client()
        let producer = TransactionalClient(client, id: "x")
        _ = try producer.initialize()
        for (value, commits) in [("a", false), ("b", true)] {
            #expect(try producer.add([places[0]]) == [.none])
            let request = try producer.request([value], to: places[0])
            let outcomes = try (0..<2).map { _ in try client.ask(request, version: 11).outcomes[0] }
            #expect(outcomes.map(\.errorCode) == [.none, .none])
            #expect(outcomes[0].baseOffset == outcomes[1].baseOffset)
            #expect(try producer.end(commits: commits) == .none)
            #expect(try producer.add([places[0]]) == [.none])
            // The sequence of the record before, once nothing of this transaction is there and
            // once something is.
            let again = try producer.request(["lost"], to: places[0])
            #expect(
                try client.ask(again, version: 11).errors == [.outOfOrderSequenceNumber])
            producer.wrote(1, to: places[0])
            #expect(try producer.write(["\(value)+"], to: places[0]) == .none)
            #expect(
                try client.ask(again, version: 11).errors == [.outOfOrderSequenceNumber])
            #expect(try producer.end(commits: true) == .none)
        }
        #expect(try read(test)[0] == ["a+", "b", "b+"])
    }

    @Test func aSecondInstanceLocksOutTheFirstAndAbortsItsTransaction() throws {
        let test = try broker()
        let first = TransactionalClient(try test.client(), id: "x")
        let second = TransactionalClient(try test.client(), id: "x")
        _ = try first.initialize()
        _ = try first.add(places)
        #expect(try first.write(["lost"], to: places[0]) == .none)
        #expect(try second.initialize() == .none)
        #expect(second.producer.epoch > first.producer.epoch)
        for version in Int16(0)...5 {
            #expect(
                try first.end(commits: true, version: min(version, 4))
                    == (version < 2 ? .invalidProducerEpoch : .producerFenced))
            #expect(
                try first.add([places[0]], version: version)
                    == [version < 2 ? .invalidProducerEpoch : .producerFenced])
            #expect(
                try first.initialize(expected: first.producer, version: max(version, 3))
                    == (version < 4 ? .invalidProducerEpoch : .producerFenced))
        }
        #expect(try first.write(["late"], to: places[0]) == .invalidProducerEpoch)
        #expect(try first.addOffsets(of: "g") == .producerFenced)
        #expect(try first.commitOffset(1, of: "g", in: places[0]) == .invalidProducerEpoch)
        _ = try second.add(places)
        #expect(try second.write(["kept"], to: places[0]) == .none)
        #expect(try second.end(commits: true) == .none)
        #expect(try read(test) == [["kept"], []])
    }

    @Test func aTransactionThatTakesTooLongIsAborted() throws {
        let test = try broker([
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "50"
        ])
        let producer = TransactionalClient(try test.client(), id: "x")
        #expect(try producer.initialize(timeout: 900_001) == .invalidTransactionTimeout)
        #expect(try producer.initialize(timeout: 0) == .invalidTransactionTimeout)
        #expect(try producer.initialize(timeout: 300) == .none)
        _ = try producer.add(places)
        #expect(try producer.write(["slow"], to: places[1]) == .none)
        let reader = CommittedReader(client: try test.client())
        #expect(try reader.read(places[1]).end == 0)
        let deadline = ContinuousClock.now + .seconds(10)
        while try reader.read(places[1]).end == 0, ContinuousClock.now < deadline {
            Thread.sleep(forTimeInterval: 0.05)
        }
        #expect(try reader.read(places[1]).end == 2)
        #expect(try reader.read(places[1]).values == [])
        #expect(try producer.end(commits: true) == .producerFenced)
        #expect(try producer.write(["slow"], to: places[1]) == .invalidProducerEpoch)
        // The markers are read before the coordinator's own record of the end is durable.
        var answer = try producer.initialize()
        while answer == .concurrentTransactions, ContinuousClock.now < deadline {
            Thread.sleep(forTimeInterval: 0.01)
            answer = try producer.initialize()
        }
        #expect(answer == .none)
        let http = try test.http()
        try http.send(ByteSlice("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"))
        let metrics = try http.readToEnd().string
        for line in [
            "varve_transactional_ids{state=\"Empty\"} 1",
            "varve_transactions_total{outcome=\"timed_out\"} 1",
            "varve_transactions_total{outcome=\"committed\"} 0",
        ] {
            #expect(metrics.contains(line + "\n"), "\(line)")
        }
    }

    @Test(arguments: [false, true])
    func offsetsCountWhenTheirTransactionCommits(isModern: Bool) throws {
        let test = try broker()
        let reader = CommittedReader(client: try test.client())
        let producer = TransactionalClient(try test.client(), id: "x", isModern: isModern)
        _ = try producer.initialize()
        var stable: Int64 = -1
        for (offset, commits) in [(5, true), (9, false), (12, true)] as [(Int64, Bool)] {
            if isModern {
                #expect(
                    try producer.commitOffset(offset, of: "g", in: places[0], version: 4)
                        == .transactionAbortable)
            } else {
                #expect(
                    try producer.commitOffset(offset, of: "g", in: places[0], version: 3)
                        == .invalidTxnState)
                #expect(try producer.addOffsets(of: "g") == .none)
            }
            #expect(try producer.commitOffset(offset, of: "g", in: places[0]) == .none)
            #expect(try producer.commitOffset(offset, of: "", in: places[0]) == .invalidGroupId)
            #expect(try reader.offset(of: "g", in: places[0]).offset == stable)
            #expect(
                try reader.offset(of: "g", in: places[0], isStable: true).error
                    == .unstableOffsetCommit)
            #expect(try reader.offset(of: "g", in: places[1], isStable: true).error == .none)
            #expect(try producer.end(commits: commits) == .none)
            if commits { stable = offset }
            let found = try reader.offset(of: "g", in: places[0], isStable: true)
            #expect(found.offset == stable && found.error == .none)
        }
    }

    @Test func requestsThatWaitForTheirPartitionKeepTheirOrder() throws {
        let test = try broker()
        let producer = TransactionalClient(try test.client(), id: "x", isModern: true)
        _ = try producer.initialize()
        for round in 0..<20 {
            // Pipelined, so that the later ones come while the partition is being added.
            let sent = try (0..<5).map { number -> Int32 in
                let request = try producer.request(["\(round).\(number)"], to: places[0])
                producer.wrote(1, to: places[0])
                return try producer.client.send(request, version: 12)
            }
            for id in sent {
                let answer = try producer.client.answer(
                    to: ProduceRequest.self, version: 12, id: id)
                #expect(answer.errors == [.none])
            }
            #expect(try producer.end(commits: true) == .none)
        }
        #expect(
            try read(test)[0] == (0..<20).flatMap { round in (0..<5).map { "\(round).\($0)" } })
    }

    @Test func transactionsAreListedAndDescribed() throws {
        let test = try broker()
        let client = try test.client()
        let open = TransactionalClient(client, id: "open")
        let idle = TransactionalClient(client, id: "idle")
        _ = try idle.initialize()
        _ = try open.initialize()
        _ = try open.add([places[1]])
        #expect(try open.write(["a"], to: places[1]) == .none)
        func list(_ fill: (inout ListTransactionsRequest) -> Void) throws -> [String] {
            try client.ask(ListTransactionsRequest(fill)).transactionStates
                .map { "\($0.transactionalId) \($0.transactionState)" }
        }
        #expect(try list { _ in } == ["idle Empty", "open Ongoing"])
        #expect(try list { $0.stateFilters = ["Ongoing"] } == ["open Ongoing"])
        #expect(try list { $0.stateFilters = ["Dead"] } == [])
        #expect(try list { $0.producerIdFilters = [idle.producer.id] } == ["idle Empty"])
        #expect(try list { $0.durationFilter = 60_000 } == [])
        #expect(try list { $0.transactionalIdPattern = "o.*" } == ["open Ongoing"])
        #expect(try list { $0.transactionalIdPattern = "pen" } == [])
        #expect(try list { $0.transactionalIdPattern = "" } == ["idle Empty", "open Ongoing"])
        #expect(
            try client.ask(ListTransactionsRequest { $0.transactionalIdPattern = "(" }).errorCode
                == .invalidRegularExpression)
        #expect(
            try client.ask(ListTransactionsRequest { $0.stateFilters = ["Odd"] })
                .unknownStateFilters == ["Odd"])
        let described = try client.ask(
            DescribeTransactionsRequest { $0.transactionalIds = ["open", "none"] }
        ).transactionStates
        #expect(described[0].transactionState == "Ongoing")
        #expect(described[0].topics.map(\.partitions) == [[1]])
        #expect(described[0].producerId == open.producer.id)
        #expect(described[1].errorCode == .transactionalIdNotFound)
    }

    @Test func anAdministratorEndsATransactionThatHangs() throws {
        let test = try broker()
        let client = try test.client()
        let log = try #require(test.state.directory.topic("t")?.partition(0))
        // Written by no coordinator's leave: nobody will end it.
        var builder = RecordBatchBuilder(attributes: BatchAttributes(isTransactional: true))
        builder.append(
            timestamp: SystemClock().wallMilliseconds(), key: nil, value: ByteSlice("hangs"))
        _ = try log.append(
            builder.finish(producerID: 77, producerEpoch: 3, baseSequence: 5),
            now: SystemClock().wallMilliseconds())
        let asked = DescribeProducersRequest {
            $0.topics = [
                DescribeProducersRequest.Topic {
                    $0.name = "t"
                    $0.partitionIndexes = [0, 9]
                }
            ]
        }
        let partitions = try client.ask(asked).topics[0].partitions
        #expect(partitions[1].errorCode == .unknownTopicOrPartition)
        let found = try #require(partitions[0].activeProducers.first)
        #expect(found.producerId == 77 && found.producerEpoch == 3 && found.lastSequence == 5)
        #expect(found.currentTxnStartOffset == 0 && found.coordinatorEpoch == -1)
        func end(partition: Int32, epoch: Int16 = 3) throws -> ErrorCode {
            try client.ask(
                WriteTxnMarkersRequest {
                    $0.markers = [
                        WriteTxnMarkersRequest.Marker {
                            $0.producerId = 77
                            $0.producerEpoch = epoch
                            $0.topics = [
                                WriteTxnMarkersRequest.Topic {
                                    $0.name = "t"
                                    $0.partitionIndexes = [partition]
                                }
                            ]
                        }
                    ]
                }
            ).markers[0].topics[0].partitions[0].errorCode
        }
        #expect(try end(partition: 9) == .unknownTopicOrPartition)
        #expect(try end(partition: 0, epoch: 2) == .invalidProducerEpoch)
        #expect(try end(partition: 0) == .none)
        let reader = CommittedReader(client: client)
        #expect(try reader.read(places[0]).end == 2)
        #expect(try reader.read(places[0]).values == [])
    }

    @Test func clientsAreToldHowToRunTransactions() throws {
        for (setting, level) in [("0", nil), ("2", 2)] as [(String, Int16?)] {
            let test = try broker(["varve.transaction.version": setting])
            for version in Int16(3)...4 {
                let request = ApiVersionsRequest {
                    $0.clientSoftwareName = "a"
                    $0.clientSoftwareVersion = "1"
                }
                let answer = try test.client().ask(request, version: version)
                #expect(answer.finalizedFeatures.first?.maxVersionLevel == level)
                // Clients of version 3 cannot read a range from 0 (KAFKA-17011).
                #expect(answer.supportedFeatures.count == (version == 3 ? 0 : 1))
            }
        }
    }

    @Test func whatIsBoundedIsRefusedByName() throws {
        let test = try broker([
            "varve.transactional.ids.max": "2", "varve.transaction.partitions.max": "1",
        ])
        let client = try test.client()
        for id in ["a", "b"] {
            #expect(try TransactionalClient(client, id: id).initialize() == .none)
        }
        #expect(try TransactionalClient(client, id: "c").initialize() == .policyViolation)
        let known = TransactionalClient(client, id: "a")
        #expect(try known.initialize() == .none)
        #expect(try known.add(places) == [.policyViolation, .policyViolation])
        #expect(try known.add([places[0]]) == [.none])
        #expect(try TransactionalClient(client, id: "").initialize() == .invalidRequest)
    }

    @Test func unusedIdsAreForgotten() throws {
        let test = try broker([
            "transactional.id.expiration.ms": "200",
            "transaction.remove.expired.transaction.cleanup.interval.ms": "100",
        ])
        let client = try test.client()
        let open = TransactionalClient(client, id: "open")
        _ = try open.initialize()
        _ = try open.add([places[0]])
        _ = try TransactionalClient(client, id: "idle").initialize()
        let deadline = ContinuousClock.now + .seconds(10)
        var left: [String] = []
        repeat {
            Thread.sleep(forTimeInterval: 0.05)
            left = try client.ask(ListTransactionsRequest()).transactionStates
                .map(\.transactionalId)
        } while left != ["open"] && ContinuousClock.now < deadline
        #expect(left == ["open"])
        #expect(try open.end(commits: true) == .none)
    }
}
