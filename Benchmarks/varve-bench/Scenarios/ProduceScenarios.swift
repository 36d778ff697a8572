/// How fast events are taken and made durable.
enum ProduceScenarios {
    static func produce1K(partitions: Int) -> Scenario {
        Scenario(
            name: "produce-1k" + (partitions == 1 ? "" : "-\(partitions)"),
            summary: "records of 1 KiB, acks=all, \(partitions) partition(s), librdkafka",
            marks: [
                .rate(over: "kafka", atLeast: 3), .rate(over: "kafka-flush", atLeast: 4),
                .rate(over: "mock", atLeast: 0.6), .brokerCPU(atMost: 0.8),
            ]
        ) { bench in
            try contestants(
                bench, Load(recordBytes: 1024, records: 250_000, partitions: partitions))
        }
    }

    static func produce100(partitions: Int) -> Scenario {
        Scenario(
            name: "produce-100" + (partitions == 1 ? "" : "-\(partitions)"),
            summary: "records of 100 bytes, acks=all, \(partitions) partition(s), librdkafka",
            marks: [
                .rate(over: "mock", atLeast: 0.85), .rate(over: "kafka", atLeast: 1),
                Mark(
                    text: "broker CPU per GB over kafka", bound: .atMost(0.2),
                    value: { round in
                        guard let ours = round["varve"]?.brokerCPUPerGigabyte,
                            let theirs = round["kafka"]?.brokerCPUPerGigabyte
                        else { return nil }
                        return ours / theirs
                    }),
                // A fifth of what Kafka 3.8 used, 6.5, for where there is none.
                .brokerCPU(atMost: 1.3),
            ]
        ) { bench in
            try contestants(
                bench, Load(recordBytes: 100, records: 1_500_000, partitions: partitions))
        }
    }

    private static func contestants(_ bench: Workbench, _ load: Load) throws -> [any Contestant] {
        // Who is no Kafka has no partitions, and is not measured twice.
        let servers = try Peers.all(bench, kafkaOnly: load.partitions > 1)
        var all: [any Contestant] = servers.map { Producing($0, load, bench) }
        if let varve = all.first as? Producing { all.append(Limits.disk(bench, load, like: varve)) }
        if load.partitions == 1 {
            all.append(Limits.loopback(bench, load))
            all.append(Producing(try VarveClientServer(bench), load, bench, name: "varve-client"))
        }
        return all
    }
}
