/// What many partitions cost: small batches, spread over more and more of them.
enum PartitionScenario {
    static var partitions: Scenario {
        Scenario(
            name: "partitions",
            summary: "batches of 10 records of 100 bytes, acks=all, over 1, 100, 1 000 partitions",
            marks: [
                .rate("varve-100", over: "varve", atLeast: 0.5),
                .rate("varve-1000", over: "varve", atLeast: 0.5),
            ]
        ) { bench in
            try [1, 100, 1000].flatMap { count in
                let load = Load(
                    recordBytes: 100, records: 200_000, partitions: count, batchRecords: 10,
                    run: 10)
                // The client takes longer too: what is left of its own rate is the ceiling.
                let servers: [any EventServer] =
                    [try VarveServer(bench)] + (bench.wants("mock") ? [MockServer(bench)] : [])
                return servers.map { server in
                    let name = count == 1 ? server.name : "\(server.name)-\(count)"
                    return Producing(server, load, bench, name: name)
                }
            }
        }
    }
}
