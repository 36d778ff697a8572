/// librdkafka's mock cluster: the ceiling of what this client can reach here.
///
/// It keeps no more than the last 5 MB of a partition, in memory.
final class MockServer: KafkaBroker {
    let bench: Workbench
    let name = "mock"
    let isDurable = false
    let keepsEvents = false
    let data = ""
    private(set) var bootstrap = ""
    private let topic = "bench"
    private var program: Program?

    init(_ bench: Workbench) { self.bench = bench }

    var process: Int32 { program?.identifier ?? 0 }

    func start(partitions: Int) throws {
        let program = try bench.programs.start(
            .kafkaClient, "mock", ["topic": topic, "partitions": "\(partitions)"])
        self.program = program
        bootstrap = try program.firstLine()
    }

    /// Always the same: a mock topic with so many partitions cannot be made from outside.
    func name(of topic: String) -> String { self.topic }

    func stop() { program?.kill() }
}
