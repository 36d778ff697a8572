import Foundation
import VarvePlatform

/// Apache Kafka from KAFKA_HOME: one broker in KRaft mode, as it comes, or with flush.messages=1.
final class ApacheKafka: KafkaBroker {
    let bench: Workbench
    let isDurable: Bool
    let data: String
    private let port: Int
    private let controllerPort: Int
    private var program: Program?

    /// - Parameter flushes: every batch is synced before it is acknowledged.
    init(_ bench: Workbench, flushes: Bool) throws {
        self.bench = bench
        isDurable = flushes
        data = try bench.makeDirectory("kafka")
        port = try bench.freePort()
        controllerPort = try bench.freePort()
    }

    var name: String { isDurable ? "kafka-flush" : "kafka" }
    var bootstrap: String { "127.0.0.1:\(port)" }
    var process: Int32 { program?.identifier ?? 0 }

    func start(partitions: Int) throws {
        guard let home = ProcessControl.environment("KAFKA_HOME") else {
            throw BenchError.missing("Apache Kafka: set KAFKA_HOME to an unpacked release")
        }
        let storage = home + "/bin/kafka-storage.sh"
        guard FileManager.default.isExecutableFile(atPath: storage) else {
            throw BenchError.missing("Apache Kafka: there is no \(storage)")
        }
        let properties = data + "/server.properties"
        try configuration(partitions: partitions)
            .write(toFile: properties, atomically: true, encoding: .utf8)
        // Any 16 bytes in base64url are a cluster id.
        _ = try Program(
            storage, ["format", "-t", "dmFydmUtYmVuY2gtMDAwMQ", "-c", properties],
            log: data + "/format"
        ).output()
        let program = try Program(
            home + "/bin/kafka-server-start.sh", [properties], log: data + "/server")
        self.program = program
        try Readiness.answering(port, of: program)
    }

    func stop() { program?.stop() }

    private func configuration(partitions: Int) -> String {
        """
        process.roles=broker,controller
        node.id=1
        controller.quorum.voters=1@127.0.0.1:\(controllerPort)
        listeners=PLAINTEXT://127.0.0.1:\(port),CONTROLLER://127.0.0.1:\(controllerPort)
        controller.listener.names=CONTROLLER
        log.dirs=\(data)/logs
        num.partitions=\(partitions)
        offsets.topic.replication.factor=1
        transaction.state.log.replication.factor=1
        transaction.state.log.min.isr=1
        group.initial.rebalance.delay.ms=0
        \(isDurable ? "log.flush.interval.messages=1" : "")
        """
    }
}
