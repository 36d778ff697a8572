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
            try [1, 100, 1000].map { count in
                let load = Load(
                    recordBytes: 100, records: 200_000, partitions: count, batchRecords: 10,
                    run: 10)
                return Producing(
                    try VarveServer(bench), load, bench,
                    name: count == 1 ? "varve" : "varve-\(count)")
            }
        }
    }
}
