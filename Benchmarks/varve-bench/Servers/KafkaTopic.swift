/// Making a topic before it is used, with Varve's own command.
enum KafkaTopic {
    static func make(_ name: String, partitions: Int = 1, on server: any KafkaBroker) throws {
        _ = try Program(
            server.bench.broker,
            [
                "topic", "create", name, "--partitions", "\(partitions)", "--bootstrap-server",
                server.bootstrap, "--if-not-exists",
            ], log: "\(server.bench.directory)/topic"
        ).output()
    }
}
