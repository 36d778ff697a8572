import Testing
import VarveLog
import VarvePlatform
import VarveSimulation

/// Topics made together, and a start that opens partitions side by side.
@Suite struct TopicCreationTests {
    private static func threadedOptions() -> DataDirectoryOptions {
        var options = DataDirectoryOptions(commit: .threads(syncers: 2))
        options.workers = 4
        return options
    }

    @Test func topicsMadeTogetherSurviveAPowerCutAtOnce() throws {
        var fixture = try LogFixture()
        let topics = (0..<150).map { NewTopic(name: "t\($0)", partitions: 1 + $0 % 3) }
        for outcome in fixture.directory.createTopics(topics, now: fixture.now) {
            _ = try outcome.get()
        }
        fixture.disk.powerCut(keep: 0)
        try fixture.reopen()
        #expect(fixture.directory.topics.map(\.name) == topics.map(\.name).sorted())
        for topic in topics {
            #expect(fixture.directory.topic(topic.name)?.partitions.count == topic.partitions)
        }
    }

    @Test func oneBadTopicSpoilsNoOther() throws {
        var options = LogFixture.options()
        options.partitionsMax = 10
        let fixture = try LogFixture(options: options)
        let outcomes = fixture.directory.createTopics(
            [
                NewTopic(name: "a", partitions: 4), NewTopic(name: "a", partitions: 1),
                NewTopic(name: "b/c", partitions: 1), NewTopic(name: "d", partitions: 7),
                NewTopic(name: "e", partitions: 5, overrides: ["retention.ms": "5"]),
                NewTopic(name: "f", partitions: 1, overrides: ["no.such": "5"]),
            ], now: fixture.now)
        let errors = outcomes.map { outcome -> LogError? in
            if case .failure(let error) = outcome { error } else { nil }
        }
        #expect(errors[0] == nil && errors[4] == nil)
        #expect(errors[1] == .topicExists("a") && errors[2] == .invalidTopicName("b/c"))
        #expect(
            errors[3] == .invalidPartitionCount(7, reason: "there are 4 of at most 10"))
        if case .invalidConfiguration(let name, _)? = errors[5] {
            #expect(name == "no.such")
        } else {
            Issue.record("\(String(describing: errors[5]))")
        }
        #expect(fixture.directory.topics.map(\.name) == ["a", "e"])
        // What is deleted makes room again.
        try fixture.directory.deleteTopic("e")
        try fixture.directory.createTopic("g", partitions: 6, now: fixture.now)
        #expect(throws: LogError.self) { try fixture.directory.addPartitions("g", total: 7) }
    }

    /// Every operation of making topics fails once: a topic that was reported made is there after
    /// a power cut, one that was not is not there while this broker runs.
    @Test func aFailedOperationMakesNoHalfTopic() throws {
        var operation = 0
        while true {
            var fixture = try LogFixture(seed: UInt64(operation))
            fixture.disk.fail(
                .init(operation: fixture.disk.operationCount + operation, errno: SystemError.eio))
            let topics = (0..<3).map { NewTopic(name: "t\($0)", partitions: 2) }
            let outcomes = fixture.directory.createTopics(topics, now: fixture.now)
            let wasMet = fixture.disk.faultsMet > 0
            var made: Set<String> = []
            for case .success(let topic) in outcomes { made.insert(topic.name) }
            #expect(Set(fixture.directory.topics.map(\.name)) == made, "operation \(operation)")
            fixture.disk.powerCut()
            try fixture.reopen()
            let found = Set(fixture.directory.topics.map(\.name))
            #expect(made.isSubset(of: found), "operation \(operation)")
            for topic in fixture.directory.topics { #expect(topic.partitions.count == 2) }
            if !wasMet { break }
            operation += 1
        }
        #expect(operation > 20)
    }

    @Test func aStopInterruptsTheMakingOfManyTopics() throws {
        let disk = SimulatedDisk(seed: 7)
        let directory = try DataDirectory.open(
            path: "/data", disk: disk, options: Self.threadedOptions(), now: 0, logger: nil)
        let outcomes = Lock<[Result<Topic, LogError>]?>(nil)
        let maker = NamedThread("maker") {
            let topics = (0..<20_000).map { NewTopic(name: "t\($0)", partitions: 3) }
            let made = directory.createTopics(topics, now: 0)
            outcomes.withLock { $0 = made }
        }
        let waiting = Lock(0)
        while directory.topics.isEmpty {
            _ = waiting.wait(timeoutMilliseconds: 1) { _ in Bool?.none }
        }
        directory.refuseChanges()
        maker.join()
        var made: Set<String> = []
        for outcome in try #require(outcomes.withLock { $0 }) {
            switch outcome {
            case .success(let topic): made.insert(topic.name)
            case .failure(let error): #expect(error == .closed)
            }
        }
        #expect(!made.isEmpty && made.count < 20_000)
        #expect(throws: LogError.closed) {
            try directory.createTopic("late", partitions: 1, now: 0)
        }
        try directory.close(now: 0)
        disk.powerCut(keep: 0)
        let again = try DataDirectory.open(
            path: "/data", disk: disk, options: LogFixture.options(), now: 0, logger: nil)
        #expect(Set(again.topics.map(\.name)) == made)
    }

    @Test func aStopInterruptsTheMakingOfOneLargeTopic() throws {
        let disk = SimulatedDisk(seed: 8)
        let directory = try DataDirectory.open(
            path: "/data", disk: disk, options: Self.threadedOptions(), now: 0, logger: nil)
        let failure = Lock<LogError?>(nil)
        let maker = NamedThread("maker") {
            do throws(LogError) {
                try directory.createTopic("large", partitions: 20_000, now: 0)
            } catch {
                failure.withLock { $0 = error }
            }
        }
        let waiting = Lock(0)
        while disk.count(of: .name) < 100 {
            _ = waiting.wait(timeoutMilliseconds: 1) { _ in Bool?.none }
        }
        directory.refuseChanges()
        maker.join()
        #expect(failure.withLock { $0 } == .closed)
        #expect(disk.count(of: .name) < 20_000)
        try directory.close(now: 0)
        disk.powerCut(keep: 100)
        let again = try DataDirectory.open(
            path: "/data", disk: disk, options: LogFixture.options(), now: 0, logger: nil)
        #expect(again.topics.isEmpty)
    }

    /// A start with threads finds what one without finds, and says it in the same order.
    @Test func partitionsOpenedSideBySideAreTheSame() throws {
        var fixture = try LogFixture(seed: 3)
        var generator = Generator(seed: 3)
        for name in ["one", "two", "three"] {
            let topic = try fixture.directory.createTopic(
                name, partitions: 10, overrides: ["segment.bytes": "4000"], now: fixture.now)
            for log in topic.partitions {
                for _ in 0..<generator.int(0...6) {
                    _ = try log.append(
                        Batches.random(&generator, timestamp: fixture.now), now: fixture.now)
                }
            }
            fixture.directory.commitNow()
        }
        fixture.disk.powerCut()
        try fixture.reopen(options: Self.threadedOptions())
        let ends = fixture.directory.topics.map { $0.partitions.map(\.durableEnd) }
        let parallel = fixture.directory.recovery
        fixture.disk.kill()
        try fixture.reopen()
        #expect(fixture.directory.topics.map { $0.partitions.map(\.durableEnd) } == ends)
        #expect(
            parallel.partitions.map { "\($0.topic) \($0.partition)" }
                == fixture.directory.recovery.partitions.map { "\($0.topic) \($0.partition)" })
        #expect(parallel.partitions.count == 30 && parallel.damages.isEmpty)
        #expect(ends.joined().reduce(0, +) > 50)
    }
}
