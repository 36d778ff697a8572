import VarvePlatform

/// Varve's broker with Varve's own client, in a process of its own: the second load generator.
final class VarveClientServer: VarveServer {
    override var name: String { "varve-client" }

    override func produce(
        _ load: Load, to topic: String, seconds: Int
    ) throws -> LoadReport {
        try ClientLoad.start(
            [
                "produce", bootstrap, topic, "\(load.partitions)", "\(load.recordBytes)",
                "\(load.records)", "\(seconds)",
            ], log: "\(bench.directory)/client")
    }
}
