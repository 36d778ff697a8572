/// What many partitions cost: small batches, spread over more and more of them.
enum PartitionScenario {
    static var partitions: Scenario {
        Scenario(
            name: "partitions",
            summary: "batches of 10 records of 100 bytes, acks=all, over 1, 100, 1 000 partitions, by librdkafka and "
                + "(bare) by a client without costs of its own",
            marks: [
                .rate("varve-100", over: "varve", atLeast: 0.5),
                .rate("varve-1000", over: "varve", atLeast: 0.5),
                .rate("bare-1000", over: "bare", atLeast: 0.5),
            ]
        ) { bench in
            let records = 2_000_000
            return try [1, 100, 1000].flatMap { count -> [any Contestant] in
                var load = Load(
                    recordBytes: 100, records: records, partitions: count, batchRecords: 10,
                    run: 10)
                // librdkafka takes longer too: what is left of its own rate is the ceiling.
                var servers: [(name: String, server: any EventServer, isBare: Bool)] = [
                    ("varve", try VarveServer(bench), false),
                    ("bare", try VarveServer(bench), true),
                ]
                if bench.wants("mock") { servers.append(("mock", MockServer(bench), false)) }
                var all: [any Contestant] = servers.map { name, server, isBare in
                    load.isBare = isBare
                    return Producing(
                        server, load, bench, name: count == 1 ? name : "\(name)-\(count)")
                }
                if count == 1000 {
                    all.append(Limits.scattered(bench, load, seconds: bench.options.seconds))
                }
                return all
            }
        }
    }
}
