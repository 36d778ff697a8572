/// A server that speaks Kafka's protocol: all of them have the same client.
protocol KafkaBroker: EventServer {
    var bench: Workbench { get }
    /// HOST:PORT.
    var bootstrap: String { get }
    /// What the topic is called there.
    func name(of topic: String) -> String
}

extension KafkaBroker {
    func name(of topic: String) -> String { topic }

    func produce(_ load: Load, to topic: String, seconds: Int) throws -> LoadReport {
        try produceByLoad(load, to: topic, seconds: seconds)
    }

    /// With the client that the load is for.
    func produceByLoad(_ load: Load, to topic: String, seconds: Int) throws -> LoadReport {
        guard load.isBare else {
            return try bench.programs.run(
                .kafkaClient, "produce",
                [
                    "bootstrap": bootstrap, "topic": name(of: topic),
                    "partitions": "\(load.partitions)",
                    "bytes": "\(load.recordBytes)", "records": "\(load.records)",
                    "seconds": "\(seconds)", "codec": load.codec, "batch": "\(load.batchRecords)",
                    "run": "\(load.run)",
                    load.lines == nil ? "unused" : "lines": load.lines ?? "",
                ])
        }
        return try bench.programs.run(
            .kafkaWire, "stream",
            [
                "port": "\(bootstrap.split(separator: ":")[1])", "topic": name(of: topic),
                "partitions": "\(load.partitions)", "bytes": "\(load.recordBytes)",
                "records": "\(load.records)", "seconds": "\(seconds)",
                "batch": "\(load.batchRecords)", "depth": "\(load.inFlight)",
            ])
    }

    func consume(_ topic: String, partitions: Int, records: Int) throws -> LoadReport {
        try bench.programs.run(
            .kafkaClient, "consume",
            [
                "bootstrap": bootstrap, "topic": name(of: topic), "partitions": "\(partitions)",
                "records": "\(records)",
            ])
    }

    /// Produces while so many groups read along; the records of the report were read by all.
    /// - Parameter fromEnd: what is in the topic before is not read.
    func tail(
        _ load: Load, groups: Int, to topic: String, seconds: Int, fromEnd: Bool = false
    ) throws -> LoadReport {
        try bench.programs.run(
            .kafkaClient, "tail",
            [
                "bootstrap": bootstrap, "topic": name(of: topic),
                "partitions": "\(load.partitions)",
                "bytes": "\(load.recordBytes)", "records": "\(load.records)",
                "seconds": "\(seconds)", "groups": "\(groups)",
                "from": fromEnd ? "latest" : "earliest",
            ])
    }
}
