import Foundation
import Testing
import VarveClient
import VarvePlatform
import VarveRecords
import VarveSimulation

@testable import VarveDelivery

/// What a sink and a dead-letter topic have seen, for the model to judge commits by.
private final class Ledger: Sendable {
    struct State {
        var verdicts: [TopicPartition: Set<Int64>] = [:]
        /// Partitions with a batch at the sink right now.
        var atSink: Set<TopicPartition> = []
        var violations: [String] = []
        var deliveries = 0
    }
    let state = Lock(State())

    func settle(_ partition: TopicPartition, _ offset: Int64) {
        state.withLock { _ = $0.verdicts[partition, default: []].insert(offset) }
    }
}

/// A sink with random delays and verdicts, which checks that it is used as its protocol says.
private final class RandomSink: Sink {
    private let ledger: Ledger
    private let generator: Lock<Generator>
    private let isHealed = Lock(false)

    init(_ ledger: Ledger, _ generator: Generator) {
        self.ledger = ledger
        self.generator = Lock(generator)
    }

    func heal() { isHealed.withLock { $0 = true } }

    func deliver(_ batch: [Event]) async -> [Verdict] {
        let partitions = Set(batch.map { TopicPartition(topic: $0.topic, partition: $0.partition) })
        ledger.state.withLock { state in
            state.deliveries += 1
            for partition in partitions where !state.atSink.insert(partition).inserted {
                state.violations.append("\(partition) is in two batches at once")
            }
            for partition in partitions {
                let offsets = batch.filter {
                    $0.topic == partition.topic && $0.partition == partition.partition
                }
                .map(\.offset)
                if offsets != offsets.sorted() {
                    state.violations.append("\(partition) out of order")
                }
            }
        }
        let healed = isHealed.withLock { $0 }
        let (delay, verdicts) = generator.withLock { generator -> (Int, [Verdict]) in
            let delay = Int.random(in: 0...3, using: &generator)
            let mood = healed ? 0 : Int.random(in: 0..<10, using: &generator)
            let verdicts = batch.map { _ -> Verdict in
                switch mood {
                case 0...4: return .delivered
                case 5: return .retry("all busy")
                case 6: return .pause("no credentials")
                default:
                    switch Int.random(in: 0..<10, using: &generator) {
                    case 0: return .deadLetter("bad")
                    case 1, 2: return .retry("busy")
                    case 3: return .pause("paused")
                    default: return .delivered
                    }
                }
            }
            // Now and then a sink that says less than it was asked.
            return (delay, mood == 9 && !healed ? Array(verdicts.dropLast()) : verdicts)
        }
        if delay > 0 { await pause(delay) }
        ledger.state.withLock { state in state.atSink.subtract(partitions) }
        for (event, verdict) in zip(batch, verdicts) where verdict == .delivered {
            ledger.settle(
                TopicPartition(topic: event.topic, partition: event.partition), event.offset)
        }
        return verdicts
    }
}

private func pause(_ milliseconds: Int) async {
    do { try await Task.sleep(for: .milliseconds(milliseconds)) } catch {}
}

@Suite struct DeliveryModelTests {
    /// Feeds random events through queue and lanes, with rebalances, and checks every commit.
    @Test(arguments: 1...6) func nothingIsCommittedWithoutAVerdictAndNothingIsSkipped(_ round: Int)
        async throws
    {
        var generator = Generator("nothingIsCommittedWithoutAVerdictAndNothingIsSkipped")
        for _ in 0..<round { _ = generator.next() }
        let ledger = Ledger()
        let sink = RandomSink(ledger, generator)
        var configuration = WorkerConfiguration(
            name: "model", topics: ["t"], sink: .sqlite(SQLiteConfiguration(path: "unused")))
        configuration.concurrency = Int.random(in: 1...4, using: &generator)
        configuration.batch = BatchLimits(
            events: Int.random(in: 1...40, using: &generator), bytes: 4000,
            ageMilliseconds: Int.random(in: 0...10, using: &generator))
        configuration.retry = RetryPolicy(
            firstMilliseconds: 2, maxMilliseconds: 10,
            attempts: Bool.random(using: &generator) ? 0 : 4, pausedMilliseconds: 10)
        configuration.transforms = []
        let queue = DeliveryQueue(
            DeliveryQueue.Limits(
                batch: configuration.batch, lanes: configuration.concurrency, inFlightBytes: 60_000)
        )
        let letterFailures = Lock(generator)
        let delivery = VarveDelivery.Delivery(
            configuration: configuration, sink: sink, queue: queue, tally: DeliveryTally(),
            logger: quiet
        ) { (record) async throws(ClientError) in
            let fails = letterFailures.withLock { Int.random(in: 0..<4, using: &$0) == 0 }
            if fails { throw ClientError.timedOut("dead letter") }
            func header(_ name: String) -> String {
                record.headers.first { $0.name == ByteSlice(name) }?.value?.string ?? ""
            }
            ledger.settle(
                TopicPartition(
                    topic: header("__connect.errors.topic"),
                    partition: Int32(header("__connect.errors.partition")) ?? -1),
                Int64(header("__connect.errors.offset")) ?? -1)
        }
        let lanes = (0..<configuration.concurrency).map { lane in
            Task { await delivery.run(lane: lane) }
        }

        // The log: offsets with holes, per partition.
        let partitions = (0..<3).map { TopicPartition(topic: "t", partition: Int32($0)) }
        var log: [TopicPartition: [Int64]] = [:]
        for partition in partitions {
            var offset = Int64.random(in: 0...3, using: &generator)
            log[partition] = (0..<Int.random(in: 50...250, using: &generator)).map { _ in
                offset += Int64.random(in: 1...3, using: &generator)
                return offset
            }
        }
        var committed: [TopicPartition: Int64] = [:]
        var read: [TopicPartition: Int] = [:]

        func checkedCommit(_ only: [TopicPartition]? = nil) {
            let offsets = queue.uncommitted(only)
            for (partition, position) in offsets {
                let settled = ledger.state.withLock { $0.verdicts[partition] ?? [] }
                for offset in log[partition]! where offset < position && !settled.contains(offset) {
                    Issue.record("\(partition): \(position) committed, \(offset) has no verdict")
                }
                committed[partition] = position
            }
            queue.committed(offsets)
        }
        func feed(_ partition: TopicPartition) {
            let offsets = log[partition]!
            let from = read[partition]!
            let to = min(offsets.count, from + Int.random(in: 1...30, using: &generator))
            guard from < to else { return }
            let next = to < offsets.count ? offsets[to] : offsets[to - 1] + 1
            let records = offsets[from..<to].map {
                Record(offset: $0, timestamp: 0, value: ByteSlice("event \($0)"))
            }
            queue.pollBegins()
            queue.accept(
                [
                    FetchedRecords(
                        topic: partition.topic, partition: partition.partition, records: records,
                        nextOffset: next, highWatermark: offsets.last! + 1)
                ], now: SystemClock().monotonicMilliseconds())
            queue.pollEnded()
            read[partition] = to
        }
        func assign(_ partition: TopicPartition) {
            queue.assign([partition])
            read[partition] =
                log[partition]!.firstIndex { $0 >= committed[partition] ?? 0 }
                ?? log[partition]!.count
        }
        for partition in partitions { assign(partition) }

        for _ in 0..<150 {
            let partition = partitions.randomElement(using: &generator)!
            switch Int.random(in: 0..<12, using: &generator) {
            case 0:
                // Handed over cleanly, and back.
                queue.revoke([partition])
                for _ in 0..<200 where queue.isUnderWay([partition]) { await pause(1) }
                #expect(!queue.isUnderWay([partition]))
                checkedCommit([partition])
                queue.release([partition])
                assign(partition)
            case 1:
                // Lost in the middle of whatever was going on.
                queue.revoke([partition])
                queue.release([partition])
                assign(partition)
            case 2, 3: checkedCommit()
            case 4: await pause(2)
            default: if queue.hasRoom { feed(partition) }
            }
        }
        sink.heal()
        let end = SystemClock().monotonicMilliseconds() + 20_000
        while SystemClock().monotonicMilliseconds() < end {
            for partition in partitions where queue.hasRoom { feed(partition) }
            checkedCommit()
            if partitions.allSatisfy({ committed[$0] == log[$0]!.last! + 1 }) { break }
            await pause(2)
        }
        for partition in partitions {
            #expect(committed[partition] == log[partition]!.last! + 1)
            #expect(ledger.state.withLock { $0.verdicts[partition] ?? [] } == Set(log[partition]!))
        }
        queue.stop()
        for lane in lanes { await lane.value }
        var status = WorkerStatus(name: "model", group: "g")
        queue.describe(&status)
        #expect(status.inFlightEvents == 0 && status.inFlightBytes == 0)
        let violations = ledger.state.withLock { $0.violations }
        #expect(violations.isEmpty, "\(violations.prefix(3))")
    }

    private func delivery(
        _ sink: any Sink, _ change: (inout WorkerConfiguration) throws -> Void = { _ in },
        letters: Lock<[Record]> = Lock([])
    ) throws -> (DeliveryQueue, VarveDelivery.Delivery, DeliveryTally) {
        var configuration = WorkerConfiguration(
            name: "w", topics: ["t"], sink: .sqlite(SQLiteConfiguration(path: "unused")))
        configuration.batch = BatchLimits(events: 10, bytes: 1 << 20, ageMilliseconds: 5)
        configuration.retry = RetryPolicy(
            firstMilliseconds: 1, maxMilliseconds: 5, pausedMilliseconds: 20)
        try change(&configuration)
        let queue = DeliveryQueue(
            DeliveryQueue.Limits(batch: configuration.batch, lanes: 1, inFlightBytes: 1 << 20))
        let tally = DeliveryTally()
        let delivery = VarveDelivery.Delivery(
            configuration: configuration, sink: sink, queue: queue, tally: tally, logger: quiet
        ) { (record) async throws(ClientError) in
            letters.withLock { $0.append(record) }
        }
        return (queue, delivery, tally)
    }

    private final class ScriptedSink: Sink {
        let script: @Sendable (Event) -> Verdict
        let calls = Lock<[[Int64]]>([])
        init(_ script: @escaping @Sendable (Event) -> Verdict) { self.script = script }
        func deliver(_ batch: [Event]) async -> [Verdict] {
            calls.withLock { $0.append(batch.map(\.offset)) }
            return batch.map(script)
        }
    }

    private func feed(_ queue: DeliveryQueue, _ records: [Record]) {
        queue.accept(
            [
                FetchedRecords(
                    topic: "t", partition: 0, records: records,
                    nextOffset: records.last!.offset + 1, highWatermark: 100)
            ], now: SystemClock().monotonicMilliseconds())
    }

    private func waitFor(_ condition: () -> Bool) async -> Bool {
        for _ in 0..<3000 {
            if condition() { return true }
            await pause(1)
        }
        return condition()
    }

    @Test func aDeadLetterIsTheOriginalWithItsReason() async throws {
        let letters = Lock<[Record]>([])
        let sink = ScriptedSink {
            $0.offset == 1 ? .deadLetter(Reason("mapper says no", httpStatus: 400)) : .delivered
        }
        let (queue, delivery, tally) = try delivery(
            sink,
            {
                $0.transforms = try WorkerConfiguration.decode(
                    #"{name: "w", topics: ["t"], sink: {type: "sqlite", path: "x"}, transforms: [{type: "add", fields: {x: 1}}]}"#
                ).transforms
            }, letters: letters)
        let partition = TopicPartition(topic: "t", partition: 0)
        queue.assign([partition])
        let original = Record(
            offset: 1, timestamp: 77, key: "k", value: "{\"a\": 1}\n",
            headers: [RecordHeader(name: "h", value: "v")])
        feed(queue, [Record(offset: 0, timestamp: 0, value: "{}"), original])
        let lane = Task { await delivery.run(lane: 0) }
        #expect(await waitFor { queue.uncommitted() == [partition: 2] })
        queue.stop()
        await lane.value
        let letter = try #require(letters.withLock { $0.first })
        #expect(letter.key == original.key && letter.value == original.value)
        #expect(letter.timestamp == 77)
        #expect(letter.headers.first == original.headers.first)
        let headers = Dictionary(
            letter.headers.map { ($0.name.string, $0.value?.string ?? "") },
            uniquingKeysWith: { first, _ in first })
        #expect(headers["__connect.errors.topic"] == "t")
        #expect(headers["__connect.errors.partition"] == "0")
        #expect(headers["__connect.errors.offset"] == "1")
        #expect(headers["__connect.errors.stage"] == "TASK_PUT")
        #expect(headers["__connect.errors.exception.message"] == "mapper says no")
        #expect(headers["varve.http.status"] == "400")
        #expect(headers["varve.attempts"] == "1")
        #expect(headers["varve.worker"] == "w" && headers["varve.sink"] == "sqlite")
        var status = WorkerStatus(name: "w", group: "g")
        tally.describe(&status)
        #expect(status.delivered == 1 && status.deadLettered == 1)
    }

    @Test func aTransformThatFailsMakesADeadLetterAndADropMakesNone() async throws {
        let letters = Lock<[Record]>([])
        let sink = ScriptedSink { _ in .delivered }
        let (queue, delivery, tally) = try delivery(
            sink,
            {
                $0.transforms = try WorkerConfiguration.decode(
                    #"{name: "w", topics: ["t"], sink: {type: "sqlite", path: "x"}, transforms: [{type: "drop", if: {field: "d", exists: true}}, {type: "parse", required: true}]}"#
                ).transforms
            }, letters: letters)
        let partition = TopicPartition(topic: "t", partition: 0)
        queue.assign([partition])
        feed(
            queue,
            [
                Record(offset: 0, timestamp: 0, value: #"{"d":1}"#),
                Record(offset: 1, timestamp: 0, value: "no JSON"),
                Record(offset: 2, timestamp: 0, value: #"{"message":"{}"}"#),
            ])
        let lane = Task { await delivery.run(lane: 0) }
        #expect(await waitFor { queue.uncommitted() == [partition: 3] })
        queue.stop()
        await lane.value
        #expect(sink.calls.withLock { $0 } == [[2]])
        let letter = try #require(letters.withLock { $0.first })
        #expect(letter.value == "no JSON")
        #expect(
            letter.headers.contains {
                $0.name == "__connect.errors.stage" && $0.value == "TRANSFORMATION"
            })
        var status = WorkerStatus(name: "w", group: "g")
        tally.describe(&status)
        #expect(status.dropped == 1 && status.deadLettered == 1 && status.delivered == 1)
    }

    @Test func aPausedSinkIsShownAndLosesNothing() async throws {
        let isPaused = Lock(true)
        let sink = ScriptedSink { _ in
            isPaused.withLock { $0 }
                ? .pause(Reason("token disabled", httpStatus: 403)) : .delivered
        }
        let (queue, delivery, tally) = try delivery(sink)
        let partition = TopicPartition(topic: "t", partition: 0)
        queue.assign([partition])
        feed(queue, [Record(offset: 0, timestamp: 0, value: "x")])
        let lane = Task { await delivery.run(lane: 0) }
        func status() -> WorkerStatus {
            var status = WorkerStatus(name: "w", group: "g")
            tally.describe(&status)
            return status
        }
        #expect(await waitFor { status().pausedReason == "token disabled" })
        #expect(queue.uncommitted() == [partition: 0])
        isPaused.withLock { $0 = false }
        #expect(await waitFor { queue.uncommitted() == [partition: 1] })
        #expect(await waitFor { status().pausedReason == nil })
        queue.stop()
        await lane.value
    }

    @Test func retriesEndAfterTheConfiguredAttemptsOnly() async throws {
        let letters = Lock<[Record]>([])
        let sink = ScriptedSink { _ in .retry("busy") }
        let (queue, delivery, _) = try delivery(sink, { $0.retry.attempts = 3 }, letters: letters)
        queue.assign([TopicPartition(topic: "t", partition: 0)])
        feed(queue, [Record(offset: 0, timestamp: 0, value: "x")])
        let lane = Task { await delivery.run(lane: 0) }
        #expect(await waitFor { letters.withLock { $0.count } == 1 })
        #expect(sink.calls.withLock { $0.count } == 3)
        queue.stop()
        await lane.value
    }

    @Test func offsetsThatGoBackBeginAnewInsteadOfBeingPassedOver() async throws {
        let sink = ScriptedSink { _ in .delivered }
        let (queue, delivery, _) = try delivery(sink)
        let partition = TopicPartition(topic: "t", partition: 0)
        queue.assign([partition])
        let lane = Task { await delivery.run(lane: 0) }
        feed(queue, [Record(offset: 50, timestamp: 0, value: "x")])
        #expect(await waitFor { queue.uncommitted() == [partition: 51] })
        // The topic was deleted and made anew.
        feed(queue, [Record(offset: 0, timestamp: 0, value: "y")])
        #expect(await waitFor { queue.uncommitted() == [partition: 1] })
        queue.stop()
        await lane.value
        #expect(sink.calls.withLock { $0 } == [[50], [0]])
    }

    @Test func batchesKeepTheirLimits() {
        let queue = DeliveryQueue(
            DeliveryQueue.Limits(
                batch: BatchLimits(events: 3, bytes: 1000, ageMilliseconds: 100), lanes: 1,
                inFlightBytes: 100_000))
        queue.assign([TopicPartition(topic: "t", partition: 0)])
        func accept(_ offsets: Range<Int64>, bytes: Int) {
            queue.accept(
                [
                    FetchedRecords(
                        topic: "t", partition: 0,
                        records: offsets.map {
                            Record(
                                offset: $0, timestamp: 0,
                                value: ByteSlice(String(repeating: "x", count: bytes)))
                        }, nextOffset: offsets.upperBound, highWatermark: 100)
                ], now: 1000)
        }
        func take(_ now: Int64) -> [Int64]? {
            guard case .batch(let batch) = queue.take(lane: 0, now: now) else { return nil }
            return batch.map(\.event.offset)
        }
        accept(0..<2, bytes: 10)
        #expect(take(1099) == nil)
        #expect(take(1100) == [0, 1])
        accept(2..<6, bytes: 10)
        #expect(take(1000) == [2, 3, 4])
        #expect(take(1000) == nil)
        accept(6..<8, bytes: 700)
        #expect(take(1000) == [5])
        #expect(take(1000) == [6])
        #expect(take(1000) == nil)
        // One event always fits, however large it is.
        accept(8..<9, bytes: 50_000)
        #expect(take(1000) == [7])
        #expect(take(1000) == [8])
        #expect(take(9000) == nil)
    }
}
