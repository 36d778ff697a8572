/// The systems that Varve is compared with.
enum Peers {
    /// Varve, and those of the peers that were asked for.
    /// - Parameter kafkaOnly: only those that speak Kafka's protocol.
    static func all(_ bench: Workbench, mock: Bool = true, kafkaOnly: Bool = false) throws
        -> [any EventServer]
    {
        var servers: [any EventServer] = [try VarveServer(bench)]
        if mock, bench.wants("mock") { servers.append(MockServer(bench)) }
        if bench.wants("kafka") {
            servers.append(try ApacheKafka(bench, flushes: false))
            servers.append(try ApacheKafka(bench, flushes: true))
        }
        if kafkaOnly { return servers }
        if bench.wants("redis") {
            servers.append(try StreamServer(bench, .redis(always: true)))
            servers.append(try StreamServer(bench, .redis(always: false)))
        }
        if bench.wants("nats") { servers.append(try StreamServer(bench, .nats)) }
        return servers
    }
}
