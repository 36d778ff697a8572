import Foundation
import Testing
import VarveBroker
import VarvePlatform

@testable import VarveDelivery

/// A broker in this process, on a free port, in a directory of its own.
private final class TestBroker: Sendable {
    let directory = TemporaryDirectory()
    let broker: Broker

    init() throws {
        broker = try Broker(
            BrokerConfiguration(
                dataDirectory: directory.path + "/data", listen: ["127.0.0.1:0"],
                settings: Self.settings))
        try broker.start()
    }

    /// Groups form at once, and a dead member is noticed soon.
    static let settings = [
        "group.initial.rebalance.delay.ms": "0", "group.min.session.timeout.ms": "1000",
    ]

    deinit {
        do { try broker.stop() } catch { print("\(error)") }
    }

    var endpoint: Endpoint { Endpoint(host: "127.0.0.1", port: broker.port) }

    func append(_ range: Range<Int>, topic: String = "zeek", partition: Int = 0) throws {
        _ = try broker.append(
            topic: topic, partition: partition,
            records: range.map { BrokerRecord(#"{"n":\#($0),"message":"event \#($0)"}"#) })
    }

    /// All records of a partition.
    func records(_ topic: String, partition: Int = 0) throws -> [BrokerRecord] {
        var result: [BrokerRecord] = []
        let end = try broker.endOffset(topic: topic, partition: partition)
        while Int64(result.count) < end {
            result += try broker.read(topic: topic, partition: partition, from: Int64(result.count))
        }
        return result
    }
}

/// A sink that remembers what it was given and does what `behave` says.
private final class MemorySink: Sink {
    struct State {
        var stored: [String: Int] = [:]
        var order: [String: [Int64]] = [:]
    }
    let state = Lock(State())
    let behave: @Sendable (Event) -> Verdict

    init(_ behave: @escaping @Sendable (Event) -> Verdict = { _ in .delivered }) {
        self.behave = behave
    }

    func deliver(_ batch: [Event]) async -> [Verdict] {
        let verdicts = batch.map(behave)
        state.withLock { state in
            for (event, verdict) in zip(batch, verdicts) where verdict == .delivered {
                state.stored[event.identity, default: 0] += 1
                state.order["\(event.topic)-\(event.partition)", default: []].append(event.offset)
            }
        }
        return verdicts
    }

    var count: Int { state.withLock { $0.stored.count } }
    var doubled: Int { state.withLock { $0.stored.values.filter { $0 > 1 }.count } }
}

@Suite(.serialized) struct WorkerTests {
    private func configuration(_ name: String = "w") -> WorkerConfiguration {
        var result = WorkerConfiguration(
            name: name, topics: ["zeek"], sink: .sqlite(SQLiteConfiguration(path: "unused")))
        result.batch.ageMilliseconds = 20
        result.batch.events = 50
        result.commitMilliseconds = 50
        result.retry = RetryPolicy(
            firstMilliseconds: 5, maxMilliseconds: 50, pausedMilliseconds: 100)
        result.sessionTimeoutMilliseconds = 2000
        result.shutdownMilliseconds = 3000
        return result
    }

    private func start(_ worker: Worker) -> Task<WorkerError?, Never> {
        Task {
            do throws(WorkerError) {
                try await worker.run()
                return nil
            } catch {
                return error
            }
        }
    }

    private func waitFor(seconds: Int = 15, _ condition: () throws -> Bool) async throws -> Bool {
        let end = SystemClock().monotonicMilliseconds() + Int64(seconds) * 1000
        while SystemClock().monotonicMilliseconds() < end {
            if try condition() { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return try condition()
    }

    @Test func everyEventArrivesOnceAndARestartGoesOnBehindTheCommit() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("zeek", partitions: 3)
        for partition in 0..<3 { try broker.append(0..<200, partition: partition) }
        let sink = MemorySink()
        let first = Worker(
            configuration: configuration(), bootstrap: [broker.endpoint], sink: sink, logger: quiet)
        let run = start(first)
        #expect(try await waitFor { sink.count == 600 })
        #expect(first.status.state == .running)
        #expect(try await waitFor { first.status.lag == 0 && first.status.partitions.count == 3 })
        first.stop()
        #expect(await run.value == nil)
        #expect(first.status.state == .stopped)
        #expect(first.status.delivered == 600)

        for partition in 0..<3 { try broker.append(200..<250, partition: partition) }
        let second = Worker(
            configuration: configuration(), bootstrap: [broker.endpoint], sink: sink, logger: quiet)
        let again = start(second)
        #expect(try await waitFor { sink.count == 750 })
        second.stop()
        #expect(await again.value == nil)
        // A clean stop commits everything, so nothing came twice; and each partition in order.
        #expect(sink.doubled == 0)
        for offsets in sink.state.withLock({ $0.order.values }) {
            #expect(offsets == offsets.sorted())
        }
    }

    @Test func deadLettersStandInTheirTopicBeforeTheCommit() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("zeek")
        try broker.append(0..<100)
        let sink = MemorySink {
            $0.offset % 10 == 3 ? .deadLetter(Reason("no", httpStatus: 400)) : .delivered
        }
        let worker = Worker(
            configuration: configuration("siem"), bootstrap: [broker.endpoint], sink: sink,
            logger: quiet)
        let run = start(worker)
        #expect(try await waitFor { worker.status.partitions.first?.finishedOffset == 100 })
        worker.stop()
        #expect(await run.value == nil)
        #expect(sink.count == 90)
        let letters = try broker.records("siem.dead-letter")
        #expect(letters.count == 10)
        for letter in letters {
            let offset = letter.headers.first { $0.name == "__connect.errors.offset" }?.value
            #expect(
                letter.text
                    == #"{"n":\#(String(decoding: offset ?? [], as: UTF8.self)),"message":"event \#(String(decoding: offset ?? [], as: UTF8.self))"}"#
            )
        }
        #expect(worker.status.deadLettered == 10)
    }

    @Test func twoWorkersShareAndOneTakesOverFromTheOther() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("zeek", partitions: 4)
        for partition in 0..<4 { try broker.append(0..<100, partition: partition) }
        let sink = MemorySink()
        let first = Worker(
            configuration: configuration(), bootstrap: [broker.endpoint], sink: sink, logger: quiet)
        let second = Worker(
            configuration: configuration(), bootstrap: [broker.endpoint], sink: sink, logger: quiet)
        let runs = [start(first), start(second)]
        #expect(
            try await waitFor {
                first.status.partitions.count == 2 && second.status.partitions.count == 2
            })
        for partition in 0..<4 { try broker.append(100..<200, partition: partition) }
        #expect(try await waitFor { sink.count == 800 })
        first.stop()
        #expect(await runs[0].value == nil)
        for partition in 0..<4 { try broker.append(200..<300, partition: partition) }
        #expect(try await waitFor { sink.count == 1200 })
        second.stop()
        #expect(await runs[1].value == nil)
        // Handed over cleanly: nothing came twice.
        #expect(sink.doubled == 0)
    }

    @Test func oneSinksTroubleLeavesTheOtherAlone() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("zeek")
        try broker.append(0..<300)
        let isDown = Lock(true)
        let sick = MemorySink { _ in isDown.withLock { $0 } ? .retry("down") : .delivered }
        let well = MemorySink()
        let workers = [
            Worker(
                configuration: configuration("sick"), bootstrap: [broker.endpoint], sink: sick,
                logger: quiet),
            Worker(
                configuration: configuration("well"), bootstrap: [broker.endpoint], sink: well,
                logger: quiet),
        ]
        let runs = workers.map(start)
        #expect(try await waitFor { well.count == 300 })
        #expect(sick.count == 0)
        #expect(try await waitFor { workers[0].status.retried > 0 })
        isDown.withLock { $0 = false }
        #expect(try await waitFor { sick.count == 300 })
        for worker in workers { worker.stop() }
        for run in runs { #expect(await run.value == nil) }
    }

    @Test func aStopInTheMiddleOfTroubleIsQuickAndLosesNothing() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("zeek")
        try broker.append(0..<100)
        var slow = configuration()
        slow.retry = RetryPolicy(firstMilliseconds: 60_000, maxMilliseconds: 60_000)
        let sink = MemorySink { $0.offset < 30 ? .delivered : .retry("down") }
        let worker = Worker(
            configuration: slow, bootstrap: [broker.endpoint], sink: sink, logger: quiet)
        let run = start(worker)
        #expect(try await waitFor { sink.count == 30 })
        let begin = SystemClock().monotonicMilliseconds()
        worker.stop()
        #expect(await run.value == nil)
        #expect(SystemClock().monotonicMilliseconds() - begin < 3000)

        let healthy = MemorySink()
        let next = Worker(
            configuration: configuration(), bootstrap: [broker.endpoint], sink: healthy,
            logger: quiet)
        let again = start(next)
        #expect(try await waitFor { healthy.count == 70 })
        next.stop()
        #expect(await again.value == nil)
        #expect(Set(healthy.state.withLock { $0.order["zeek-0"] ?? [] }) == Set(30..<100))
    }

    @Test func aWorkerWaitsForABrokerThatIsNotThereYet() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("zeek")
        let port = broker.broker.port
        try broker.broker.stop()
        let sink = MemorySink()
        let worker = Worker(
            configuration: configuration(), bootstrap: [Endpoint(host: "127.0.0.1", port: port)],
            sink: sink,
            logger: quiet)
        let run = start(worker)
        try await Task.sleep(for: .milliseconds(600))
        #expect(worker.status.state == .starting)
        let revived = try Broker(
            BrokerConfiguration(
                dataDirectory: broker.directory.path + "/data", listen: ["127.0.0.1:\(port)"],
                settings: TestBroker.settings))
        try revived.start()
        _ = try await revived.append(topic: "zeek", records: [BrokerRecord("x")])
        #expect(try await waitFor(seconds: 30) { sink.count == 1 })
        worker.stop()
        #expect(await run.value == nil)
        try revived.stop()
    }

    @Test func theThreeFileSinksHoldTheSameEvents() async throws {
        let broker = try TestBroker()
        try broker.broker.createTopic("zeek", partitions: 2)
        for partition in 0..<2 { try broker.append(0..<500, partition: partition) }
        let out = broker.directory.path + "/out"
        var workers: [Worker] = []
        for sink: SinkConfiguration in [
            .sqlite(SQLiteConfiguration(path: out + "/search.db")),
            .syslog(SyslogConfiguration(destination: .file(out + "/siem.log"))),
            .archive(ArchiveConfiguration(directory: out + "/archive")),
        ] {
            #if !VARVE_SQLITE
                if case .sqlite = sink { continue }
            #endif
            var worker = WorkerConfiguration(name: sink.type, topics: ["zeek"], sink: sink)
            worker.batch.ageMilliseconds = 100
            worker.commitMilliseconds = 50
            worker.sessionTimeoutMilliseconds = 2000
            workers.append(
                try Worker(configuration: worker, bootstrap: [broker.endpoint], logger: quiet))
        }
        let runs = workers.map(start)
        #expect(try await waitFor { workers.allSatisfy { $0.status.delivered == 1000 } })
        for worker in workers { worker.stop() }
        for run in runs { #expect(await run.value == nil) }
        #if VARVE_SQLITE
            #expect(try SearchIndex.counts(path: out + "/search.db") == ["zeek": 1000])
        #endif
        #expect(
            try PosixDisk().readAll(out + "/siem.log").string.split(separator: "\n").count == 1000)
        var archived: Set<String> = []
        let topic = out + "/archive/zeek"
        for day in try PosixDisk().list(topic) {
            for name in try PosixDisk().list("\(topic)/\(day)") {
                for line in try ArchiveFile.lines(of: "\(topic)/\(day)/\(name)", on: PosixDisk()) {
                    let event = try #require(ArchiveLine.event(line.line))
                    #expect(archived.insert(event.identity).inserted)
                    #expect(
                        event.value?.string
                            == #"{"n":\#(event.offset),"message":"event \#(event.offset)"}"#)
                }
            }
        }
        #expect(archived.count == 1000)
    }
}
