import Foundation

/// Resident memory of the broker in four states, each with a fresh one.
enum MemoryScenario {
    static var memory: Scenario {
        Scenario(
            name: "memory",
            summary: "resident memory: idle, 1 000 partitions, 1 000 connections, full load",
            unit: "states",
            marks: [
                resident("idle, a second after its start", "varve", 12, \.residentBytes),
                resident(
                    "1 000 partitions, at its most", "varve-1000-partitions", 40,
                    \.residentBytesMax),
                resident(
                    "1 000 connections, at its most", "varve-1000-connections", 60,
                    \.residentBytesMax),
                resident("full load, at its most", "varve-load", 128, \.residentBytesMax),
            ]
        ) { bench in
            [
                state(bench, "varve") { _ in nil },
                state(bench, "varve-1000-partitions") { server in
                    // Each has been written to.
                    let load = Load(
                        recordBytes: 100, records: 20_000, partitions: 1000, batchRecords: 10,
                        run: 10)
                    try KafkaTopic.make("bench", partitions: 1000, on: server)
                    let sent = try server.produce(load, to: "bench", seconds: 30)
                    try server.verify(sent, in: "bench", partitions: 1000)
                    return nil
                },
                state(bench, "varve-1000-connections") { server in
                    let clients = try bench.programs.start(
                        .kafkaWire, "hold", ["port": "\(server.port)", "connections": "1000"])
                    guard try clients.firstLine() == "held" else {
                        throw BenchError.failed("the connections were not held")
                    }
                    return clients
                },
                state(bench, "varve-load") { server in
                    try KafkaTopic.make("bench", partitions: 4, on: server)
                    _ = try server.tail(
                        Load(recordBytes: 1024, records: 400_000, partitions: 4), groups: 3,
                        to: "bench", seconds: bench.options.seconds)
                    return nil
                },
            ]
        }
    }

    private static func resident(
        _ text: String, _ name: String, _ bound: Double,
        _ figure: @escaping (Measurement) -> Int?
    ) -> Mark {
        Mark(
            text: "MB resident, \(text)", bound: .atMost(bound),
            value: { $0[name].flatMap(figure).map { Double($0) / 1e6 } })
    }

    /// - Parameter reach: brings the broker there; what it returns is stopped afterwards.
    private static func state(
        _ bench: Workbench, _ name: String, _ reach: @escaping (VarveServer) throws -> Program?
    ) -> Single {
        Single(name, isDurable: true) { _ in
            let server = try VarveServer(bench)
            try server.start(partitions: 1)
            defer { server.stop() }
            let clients = try reach(server)
            defer { clients?.kill() }
            Thread.sleep(forTimeInterval: 1)
            var measurement = Measurement()
            measurement.records = 1
            measurement.seconds = 1
            try server.addMemory(to: &measurement)
            return measurement
        }
    }
}
