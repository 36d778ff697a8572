import Foundation
import Testing
import VarveLog
import VarvePlatform
import VarveWire

@testable import VarveBroker

/// Start, stop, restart, and the calls of an embedding program.
struct BrokerTests {
    @Test func topicsAndDataSurviveARestart() throws {
        let directory = TestBroker.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var id: UniqueID?
        do {
            let test = try TestBroker(directory: directory)
            try test.broker.createTopic(
                "t", partitions: 2, configuration: ["retention.ms": "123456789"])
            let client = try test.client()
            _ = try client.ask(produce([("t", 1, try batch(["a", "b"]))]), version: 9)
            id = try client.ask(metadata(["t"]), version: 12).topics[0].topicId
        }
        let test = try TestBroker(directory: directory)
        #expect(try test.broker.topics() == ["t"])
        let client = try test.client()
        let topic = try client.ask(metadata(["t"], autoCreate: false), version: 12).topics[0]
        #expect(topic.topicId == id)
        let read = try client.ask(fetch([("t", 1, 0)]), version: 11)
        #expect(try values(read.partitions[0]) == ["a", "b"])
        #expect(
            try test.state.directory.topic("t")?.configuration.value(of: "retention.ms")
                == "123456789")
    }

    @Test func stoppingAnswersWhatWaits() throws {
        let test = try TestBroker()
        try test.broker.createTopic("t")
        let client = try test.client()
        let id = try client.send(fetch([("t", 0, 0)], maxWait: 60_000), version: 11)
        #expect(try client.isSilent(for: 100))
        let start = Date()
        try test.broker.stop()
        #expect(Date().timeIntervalSince(start) < 4)
        let response = try client.answer(to: FetchRequest.self, version: 11, id: id)
        #expect(response.partitions[0].errorCode == .none)
        #expect(client.closes())
        #expect(throws: BrokerError.self) { try test.broker.topics() }
        try test.broker.stop()
        try test.broker.start()
        #expect(try test.broker.topics() == ["t"])
    }

    @Test func aProgramAppendsAndReadsWithoutASocket() async throws {
        let directory = TestBroker.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let broker = try Broker(
            BrokerConfiguration(dataDirectory: directory, listen: []),
            disk: PosixDisk(), clock: SystemClock(), logger: Logger("test", sink: { _ in }))
        try broker.start()
        #expect(broker.port == 0)
        try broker.createTopic("events")
        let record = BrokerRecord(
            value: Array("one".utf8), key: Array("k".utf8), timestamp: 1_700_000_000_000,
            headers: [.init(name: "h", value: [1, 2]), .init(name: "h", value: nil)])
        // In an async function this is the variant that waits without a thread.
        let first = try await broker.append(topic: "events", records: [record])
        #expect(first == 0)
        let second = try await broker.append(
            topic: "events", records: [.init("two"), .init("three")])
        #expect(second == 1)
        let read = try broker.read(topic: "events", from: 0)
        #expect(read.map(\.text) == ["one", "two", "three"])
        #expect(read.map(\.offset) == [0, 1, 2])
        #expect(read[0].key == record.key && read[0].headers == record.headers)
        #expect(read[0].timestamp == record.timestamp)
        #expect(try broker.read(topic: "events", from: 2).map(\.text) == ["three"])
        #expect(try broker.read(topic: "events", from: 3).isEmpty)
        #expect(try broker.endOffset(topic: "events") == 3)
        #expect(throws: BrokerError.self) { try broker.read(topic: "events", from: 4) }
        #expect(throws: BrokerError.self) { try broker.read(topic: "none", from: 0) }
        #expect(throws: BrokerError.self) {
            try broker.read(topic: "events", partition: 1, from: 0)
        }
        #expect(throws: BrokerError.self) { try broker.createTopic("events") }
        #expect(throws: BrokerError.self) { try broker.createTopic("no/good") }
        try broker.deleteTopic("events")
        #expect(try broker.topics() == [])
        try broker.stop()
    }

    @Test(arguments: [
        (["0.0.0.0:0"], nil, "127.0.0.1"), (["127.0.0.1:0"], nil, "127.0.0.1"),
        (["127.0.0.1:0"], "kafka.example.org:9999", "kafka.example.org"),
    ] as [([String], String?, String)])
    func clientsAreToldAnAddressThatTheyCanReach(
        listen: [String], advertised: String?, host: String
    ) throws {
        let directory = TestBroker.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let broker = try Broker(
            BrokerConfiguration(
                dataDirectory: directory, listen: listen, advertised: advertised),
            disk: PosixDisk(), clock: SystemClock(), logger: Logger("test", sink: { _ in }))
        try broker.start()
        let client = try TestClient(port: broker.port)
        let node = try client.ask(metadata([])).brokers[0]
        #expect(node.host == host)
        #expect(node.port == (advertised == nil ? Int32(broker.port) : 9999))
        try broker.stop()
    }

    /// What monitoring tools look for to know a broker by, under Kafka's names.
    @Test func theBrokerTellsWhatItWasStartedWith() throws {
        let test = try TestBroker(
            settings: ["node.id": "7"], listen: ["127.0.0.1:0", "127.0.0.1:0"],
            advertised: "kafka.example.org:9999")
        let client = try test.client()
        #expect(try client.ask(metadata([])).brokers.map(\.nodeId) == [7])
        let described = try client.ask(
            DescribeConfigsRequest {
                $0.resources = [
                    .init {
                        $0.resourceType = 4
                        $0.resourceName = "7"
                    }
                ]
            }
        ).results[0]
        let configs = Dictionary(grouping: described.configs, by: \.name)
        let told = "PLAINTEXT://kafka.example.org:9999"
        let listeners = try test.state.listeners.map { "PLAINTEXT://\($0.endpoint)" }
        for (name, value) in [
            ("advertised.listeners", "\(told),\(told)"), ("node.id", "7"),
            ("listeners", listeners.joined(separator: ",")), ("log.dirs", test.directory),
        ] {
            let found = configs[name] ?? []
            #expect(found.map(\.value) == [value], "\(name)")
            #expect(found.map(\.configSource) == [4], "\(name)")
            #expect(found.map(\.readOnly) == [true], "\(name)")
        }
    }

    @Test func aDirectoryKeepsTheNumberItWasMadeWith() throws {
        let directory = TestBroker.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        func node(_ settings: [String: String]) throws -> Int32 {
            let test = try TestBroker(settings: settings, directory: directory)
            return try test.client().ask(metadata([])).brokers[0].nodeId
        }
        #expect(try node(["node.id": "0"]) == 0)
        #expect(try node([:]) == 0)
        #expect(throws: BrokerError.self) { try node(["node.id": "1"]) }
        // The refused start has let go of the directory.
        #expect(try node(["node.id": "0"]) == 0)
    }

    @Test func everyListenerServes() throws {
        let directory = TestBroker.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let broker = try Broker(
            BrokerConfiguration(
                dataDirectory: directory, listen: ["127.0.0.1:0", "127.0.0.1:0"]),
            disk: PosixDisk(), clock: SystemClock(), logger: Logger("test", sink: { _ in }))
        try broker.start()
        let ports = try broker.state().listeners.map(\.endpoint.port)
        #expect(Set(ports).count == 2)
        for port in ports {
            let node = try TestClient(port: port).ask(metadata([])).brokers[0]
            #expect(node.port == Int32(port))
        }
        try broker.stop()
    }

    private func startError(_ configuration: BrokerConfiguration) -> String? {
        do throws(BrokerError) {
            let broker = try Broker(
                configuration, disk: PosixDisk(), clock: SystemClock(),
                logger: Logger("test", sink: { _ in }))
            try broker.start()
            try broker.stop()
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func failedStartsNameTheThingAndTheRemedy() throws {
        let test = try TestBroker()
        let other = TestBroker.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: other) }
        let taken = try #require(
            startError(
                .init(dataDirectory: other, listen: ["127.0.0.1:\(test.broker.port)"])))
        #expect(taken.contains("127.0.0.1:\(test.broker.port)"))
        #expect(taken.contains("another program listens there"))
        // A port that is taken must not even touch the directory.
        #expect(!FileManager.default.fileExists(atPath: other))
        let locked = try #require(
            startError(.init(dataDirectory: test.directory, listen: ["127.0.0.1:0"])))
        #expect(locked.contains(test.directory))
        #expect(locked.contains("\(ProcessControl.identifier)"), "\(locked)")
        #expect(locked.contains("stop that broker"))
        let address = try #require(startError(.init(dataDirectory: other, listen: ["nowhere"])))
        #expect(address.contains("HOST:PORT"))
        let foreign = try #require(
            startError(.init(dataDirectory: other, listen: ["192.0.2.1:9092"])))
        #expect(foreign.contains("no such address"))
        let unknown = try #require(
            startError(.init(dataDirectory: other, settings: ["num.partition": "1"])))
        #expect(unknown.contains("num.partition:") && unknown.contains("num.partitions"))
        let bad = try #require(
            startError(.init(dataDirectory: other, settings: ["num.partitions": "many"])))
        #expect(bad.contains("num.partitions") && bad.contains("many"))
        // A failed start leaves nothing behind that hinders the next one.
        #expect(startError(.init(dataDirectory: other, listen: ["127.0.0.1:0"])) == nil)
    }

    @Test func aDirectoryThatCannotBeMadeIsNamed() throws {
        let error = try #require(
            startError(.init(dataDirectory: "/proc/varve", listen: ["127.0.0.1:0"])))
        #expect(error.contains("/proc/varve"))
    }
}

struct BrokerSettingsTests {
    @Test func everyDefaultIsAValueOfItsSetting() {
        for definition in BrokerSettings.definitions where !definition.defaultValue.isEmpty {
            #expect(
                definition.problem(with: definition.defaultValue) == nil, "\(definition.name)")
            #expect(!definition.documentation.isEmpty)
        }
        let names = BrokerSettings.definitions.map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test(arguments: [
        ("num.partitions", "0"), ("num.partitions", "x"), ("num.partitions", ""),
        ("auto.create.topics.enable", "yes"), ("compression.type", "rar"),
        ("socket.request.max.bytes", "10"), ("log.retention.hours", "-2"),
        ("log.cleanup.policy", "burn"), ("nonsense", "1"),
    ])
    func badValuesAreRefusedByName(name: String, value: String) {
        let error = #expect(throws: BrokerError.self) {
            let settings = try BrokerSettings([name: value])
            _ = try TopicDefaults.configuration(settings)
        }
        #expect(error?.description.contains(name) == true)
    }

    @Test func topicDefaultsComeFromTheSettingsOfTheirNames() throws {
        let settings = try BrokerSettings([
            "log.retention.hours": "1", "log.retention.minutes": "5",
            "log.segment.bytes": "1048576", "message.max.bytes": "5000",
            "log.roll.hours": "3",
        ])
        let defaults = try TopicDefaults.configuration(settings)
        // Minutes go before hours.
        #expect(defaults.value(of: "retention.ms") == "300000")
        #expect(defaults.value(of: "segment.bytes") == "1048576")
        #expect(defaults.value(of: "max.message.bytes") == "5000")
        #expect(defaults.value(of: "segment.ms") == "10800000")
        #expect(defaults.overrides.isEmpty)
        let forever = try TopicDefaults.configuration(
            BrokerSettings(["log.retention.hours": "-1"]))
        #expect(forever.value(of: "retention.ms") == "-1")
        #expect(throws: BrokerError.self) {
            try TopicDefaults.configuration(
                BrokerSettings(["log.retention.hours": "9223372036854775807"]))
        }
    }

    @Test func everySynonymNamesASettingAndAConfiguration() {
        let topics = Set(TopicConfiguration.definitions.map(\.name))
        for (topic, settings) in TopicDefaults.synonyms {
            #expect(topics.contains(topic))
            for (name, _) in settings { #expect(BrokerSettings.byName[name] != nil, "\(name)") }
        }
    }
}
