/// Makes and deletes topics, which is not measured.
enum KafkaTopic {
    static func make(_ name: String, partitions: Int = 1, on server: any KafkaBroker) throws {
        try run(["create", name, "--partitions", "\(partitions)", "--if-not-exists"], on: server)
    }

    /// What a round has written goes before the next begins: clean pages that nobody reads any more
    /// fill the memory otherwise, and whoever writes next pays for their removal.
    static func delete(_ name: String, on server: any KafkaBroker) throws {
        if server.keepsEvents { try run(["delete", name], on: server) }
    }

    private static func run(_ words: [String], on server: any KafkaBroker) throws {
        _ = try Program(
            server.bench.broker, ["topic"] + words + ["--bootstrap-server", server.bootstrap],
            log: "\(server.bench.directory)/topic"
        ).output()
    }
}
