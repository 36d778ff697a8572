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

    /// What a round has written goes before the next begins: clean pages that nobody reads any more
    /// fill the memory otherwise, and whoever writes next pays for their removal.
    static func delete(_ name: String, on server: any KafkaBroker) throws {
        guard server.keepsEvents else { return }
        _ = try Program(
            server.bench.broker,
            ["topic", "delete", name, "--bootstrap-server", server.bootstrap],
            log: "\(server.bench.directory)/topic"
        ).output()
    }
}
