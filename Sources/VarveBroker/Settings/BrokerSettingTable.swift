extension BrokerSettings {
    private static let positive: ClosedRange<Int64> = 1...Int64(Int32.max)
    private static let anyLong: ClosedRange<Int64> = -1...Int64.max

    /// Every broker setting. Defaults are Kafka 4's (server.properties and ServerLogConfigs,
    /// SocketServerConfigs, GroupCoordinatorConfig), except where the text says otherwise.
    package static let definitions: [SettingDefinition] =
        network + tlsDefinitions + accessDefinitions + topics + replicationThrottles + log + cleaner
        + groups + transactions + consumerGroups

    private static let network: [SettingDefinition] = [
        .init(
            "node.id", .int(0...Int64(Int32.max)), "1",
            "The number clients know this broker by. The data directory keeps the one it was made "
                + "with, and a start with another is refused."),
        .init(
            "num.network.threads", .int(0...256), "0",
            "Event loop threads. 0 (the default) is one for each processor."),
        .init(
            "socket.request.max.bytes", .int(1024...Int64(Int32.max)), "104857600",
            "The largest request taken; a longer one closes its connection."),
        .init(
            "queued.max.request.bytes", .long(1 << 20...Int64.max), "268435456",
            "Memory for large requests while they arrive, over all connections. When it is used "
                + "up their reads wait. Kafka's default is no bound."),
        .init(
            "varve.queued.max.response.bytes", .long(1 << 20...Int64.max), "268435456",
            "Memory for responses that clients have not taken yet. When it is used up, Fetch "
                + "answers carry one batch each."),
        .init(
            "connections.max.idle.ms", .long(1...Int64.max), "600000",
            "A connection on which nothing happens for so long is closed."),
        .init(
            "max.connections", .int(1...Int64(Int32.max)), "10000",
            "Connections at once; further ones are closed at once. Kafka's default is no bound."),
        .init(
            "fetch.max.bytes", .int(1024...Int64(Int32.max)), "57671680",
            "The most a Fetch response carries, whatever the client asks; a first batch that is "
                + "larger still comes whole."),
        .init(
            "max.incremental.fetch.session.cache.slots", .int(0...100_000), "1000",
            "Fetch sessions (KIP-227) that are kept, so that clients need not name all of their "
                + "partitions with every Fetch. 0 for none."),
        .init(
            "quota.window.num", .int(2...1000), "11",
            "A client that was quiet may use its quota of so many windows, less one, at once."),
        .init(
            "quota.window.size.seconds", .int(1...3600), "1", "The length of such a window."),
    ]

    private static let topics: [SettingDefinition] = [
        .init(
            "auto.create.topics.enable", .boolean, "true",
            "A topic is made when a client first asks for it by name."),
        .init("delete.topic.enable", .boolean, "true", "Topics can be deleted by clients."),
        .init(
            "num.partitions", .int(1...100_000), "1",
            "Partitions of a topic that is made on first use, or without a number."),
        .init(
            "varve.partitions.max", .int(1...1_000_000), "20000",
            "Partitions of all topics together: each costs files, and some memory when idle."),
        .init(
            "default.replication.factor", .int(1...1), "1",
            "Copies of each partition. This broker is the only one."),
        .init(
            "varve.replication.factor.clamp", .boolean, "true",
            "A topic that is to have more copies is made with the one there can be, and the log "
                + "warns of it; false refuses such a topic."),
        .init(
            "offsets.topic.num.partitions", .int(1...1000), "50",
            "Partitions of __consumer_offsets; fixed when that topic is made."),
        .init(
            "offsets.topic.segment.bytes", .int(14...Int64(Int32.max)), "16777216",
            "Segment size of __consumer_offsets. Only closed segments are compacted and all of it "
                + "is read at a start, hence less than Kafka's 104857600."),
        .init(
            "offsets.topic.replication.factor", .int(1...1), "1",
            "Copies of each partition of __consumer_offsets. This broker is the only one."),
    ]

    /// What kafka-reassign-partitions sets while it moves replicas, and clears with `--verify`,
    /// of which it makes an error where it cannot.
    static let replicationThrottles: [SettingDefinition] = [
        "leader.replication.throttled.rate", "follower.replication.throttled.rate",
        "replica.alter.log.dirs.io.max.bytes.per.second",
    ].map { name in
        .init(
            name, .long(0...Int64.max), "9223372036854775807",
            "Taken for compatibility: with one replica nothing is replicated.")
    }

    private static let log: [SettingDefinition] = [
        .init(
            "log.retention.ms", .long(anyLong), "",
            "How long records are kept, in milliseconds; -1 is for ever. Goes before "
                + "log.retention.minutes, and that before log.retention.hours."),
        .init("log.retention.minutes", .long(anyLong), "", "How long records are kept."),
        .init("log.retention.hours", .long(anyLong), "168", "How long records are kept."),
        .init(
            "log.retention.bytes", .long(anyLong), "-1",
            "How many bytes a partition keeps; -1 is no bound."),
        .init(
            "log.retention.check.interval.ms", .long(1...Int64.max), "300000",
            "How often old segments are looked for."),
        .init(
            "log.segment.bytes", .int(14...Int64(Int32.max)), "1073741824",
            "A segment that would grow beyond this is closed and a new one begun."),
        .init(
            "log.roll.ms", .long(1...Int64.max), "",
            "A segment older than this is closed. Goes before log.roll.hours."),
        .init("log.roll.hours", .int(positive), "168", "A segment older than this is closed."),
        .init(
            "log.cleanup.policy", .list, "delete",
            "What happens to old segments: delete, compact, or both."),
        .init(
            "log.index.interval.bytes", .int(0...Int64(Int32.max)), "4096",
            "Bytes of log between entries of the offset index."),
        .init(
            "log.message.timestamp.type", .choice(["CreateTime", "LogAppendTime"]), "CreateTime",
            "Whether records carry the producer's time or the broker's."),
        .init(
            "log.message.timestamp.before.max.ms", .long(0...Int64.max), "9223372036854775807",
            "How far in the past a producer's time may lie."),
        .init(
            "log.message.timestamp.after.max.ms", .long(0...Int64.max), "3600000",
            "How far in the future a producer's time may lie (KIP-1030)."),
        .init(
            "message.max.bytes", .int(0...Int64(Int32.max)), "1048588",
            "The largest record batch taken."),
        .init(
            "compression.type",
            .choice(["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"]), "producer",
            "The codec batches are stored with; producer keeps each as it came."),
        .init(
            "compression.gzip.level", .int(-1...9), "-1",
            "How hard gzip tries where compression.type is gzip: 1 to 9, -1 for zlib's default."),
        .init(
            "compression.lz4.level", .int(1...17), "9",
            "How hard LZ4 tries where compression.type is lz4; 9 is the fast compressor."),
        .init(
            "compression.zstd.level", .int(-131_072...22), "3",
            "How hard Zstandard tries where compression.type is zstd."),
        .init(
            "varve.produce.check.compressed", .boolean, "true",
            "Compressed batches are taken apart before they are kept, as Kafka does it; false "
                + "saves the time, and trusts producers to write what consumers can read."),
        .init(
            "min.insync.replicas", .int(1...1), "1",
            "Copies that must have a record before acks=all is answered. This broker is the only "
                + "one, and answers after its disk has the record."),
        .init(
            "varve.retention.clock", .choice(["append", "record"]), "append",
            "Retention counts from the time a record was appended, or from the time it claims "
                + "(Kafka's rule)."),
        .init(
            "varve.sync.together.min", .int(2...1_000_000), "4",
            "From so many partitions on that wait to be synced, one write-back of the whole file "
                + "system does it for all of them (ext4 and XFS, Linux 5.8 or later). It takes "
                + "along what others have written there, and is left alone while that is slower."),
        .init(
            "varve.journal.bytes", .long(0...(1 << 30)), "67108864",
            "Bytes of each of the two files that partitions share where so many have a little to "
                + "sync: one sync for all of them, and their segments are synced later. 0 for no "
                + "journal."),
        .init(
            "varve.sync.threads", .int(1...64), "4",
            "Threads that sync files of one group commit side by side."),
        .init(
            "varve.reopen.interval.ms", .long(0...Int64.max), "30000",
            "How often a partition that went offline because its disk failed is recovered and "
                + "verified, to go online again. 0 leaves that to the next start."),
        .init(
            "varve.disk.reserve.bytes", .long(0...Int64.max), "67108864",
            "Bytes of the disk set aside, so that offset commits, trims and deletes go on when it "
                + "is full. Produce is refused, retriable, until they are whole again. 0 for "
                + "none."),
        .init(
            "varve.log.quota.bytes", .long(anyLong), "-1",
            "Bytes of all topics together beyond which Produce is refused, retriable; -1 is no "
                + "bound. A topic's own bound is its configuration varve.quota.bytes."),
        .init(
            "varve.quota.warning.percent", .int(1...100), "80",
            "From this part of a quota on the log warns that it is nearly reached."),
        .init(
            "varve.open.files.max", .int(0...Int64(Int32.max)), "0",
            "Segment files kept open, over all partitions; the least recently used is closed. 0 "
                + "(the default) is half of what the process may open."),
        .init(
            "varve.scrub.bytes.per.second", .long(0...Int64.max), "8388608",
            "How fast closed segments are read in the background to find damage before anybody "
                + "needs them. 0 is not at all."),
        .init(
            "varve.scrub.interval.hours", .int(0...1_000_000), "168",
            "How long after the end of such a pass the next begins."),
        .init(
            "producer.id.expiration.ms", .int(1...Int64(Int32.max)), "86400000",
            "An idempotent producer that writes nothing for so long is forgotten."),
    ]

    private static let cleaner: [SettingDefinition] = [
        .init(
            "log.cleaner.enable", .boolean, "true",
            "Topics with cleanup.policy compact are compacted."),
        .init(
            "log.cleaner.backoff.ms", .long(1...Int64.max), "15000",
            "How often partitions to compact are looked for."),
        .init(
            "log.cleaner.dedupe.buffer.size", .long(1 << 16...Int64.max), "134217728",
            "Memory for the keys of the partition that is compacted, 24 bytes each, taken only "
                + "while that lasts. More keys take several passes."),
        .init(
            "log.cleaner.io.max.bytes.per.second", .double(1024...Double.greatestFiniteMagnitude),
            "67108864",
            "The most that compaction reads and writes in a second. Kafka's default is no bound."),
        .init(
            "log.cleaner.delete.retention.ms", .long(0...Int64.max), "86400000",
            "How long compacted topics keep the marks of deleted keys."),
        .init(
            "log.cleaner.min.cleanable.ratio", .double(0...1), "0.5",
            "The share of bytes not yet compacted from which a partition is compacted."),
        .init(
            "log.cleaner.min.compaction.lag.ms", .long(0...Int64.max), "0",
            "A record is not compacted before this time."),
        .init(
            "log.cleaner.max.compaction.lag.ms", .long(1...Int64.max), "9223372036854775807",
            "A record is compacted at the latest after this time."),
    ]

    private static let groups: [SettingDefinition] = [
        .init(
            "group.initial.rebalance.delay.ms", .int(0...Int64(Int32.max)), "3000",
            "How long a new group waits for more members before its first assignment."),
        .init(
            "group.min.session.timeout.ms", .int(positive), "6000",
            "The shortest session a member may ask for."),
        .init(
            "group.max.session.timeout.ms", .int(positive), "1800000",
            "The longest session a member may ask for."),
        .init(
            "group.max.size", .int(positive), "2147483647", "Members a group may have at once."),
        .init(
            "offsets.retention.minutes", .int(positive), "10080",
            "How long the offsets of a group without members are kept."),
        .init(
            "offsets.retention.check.interval.ms", .long(1...Int64.max), "600000",
            "How often expired offsets are looked for."),
        .init(
            "offset.metadata.max.bytes", .int(0...Int64(Int32.max)), "4096",
            "The longest note a client may commit with an offset."),
    ]
    private static let transactions: [SettingDefinition] = [
        .init(
            "transaction.max.timeout.ms", .int(positive), "900000",
            "The longest time a producer may ask for its transactions."),
        .init(
            "transactional.id.expiration.ms", .int(positive), "604800000",
            "A transactional id that nobody uses for so long is forgotten."),
        .init(
            "transaction.abort.timed.out.transaction.cleanup.interval.ms", .int(positive), "1000",
            "How often transactions that took too long are looked for, to abort them. Kafka's "
                + "default is 10000."),
        .init(
            "transaction.remove.expired.transaction.cleanup.interval.ms", .int(positive),
            "3600000", "How often transactional ids to forget are looked for."),
        .init(
            "transaction.state.log.num.partitions", .int(1...1000), "50",
            "Partitions of __transaction_state; fixed when that topic is made."),
        .init(
            "transaction.state.log.segment.bytes", .int(14...Int64(Int32.max)), "16777216",
            "Segment size of __transaction_state. Only closed segments are compacted and all of it "
                + "is read at a start, hence less than Kafka's 104857600."),
        .init(
            "transaction.state.log.replication.factor", .int(1...1), "1",
            "Copies of each partition of __transaction_state. This broker is the only one."),
        .init(
            "transaction.state.log.min.isr", .int(1...1), "1",
            "Copies of __transaction_state that must have a record before it counts."),
        .init(
            "varve.transaction.version", .choice(["0", "2"]), "0",
            "How clients that know both run transactions, told as the feature transaction.version: "
                + "0 as Kafka before 4.0 does, 2 with an epoch for each (KIP-890), Kafka 4's "
                + "default."),
        .init(
            "varve.transactional.ids.max", .int(1...Int64(Int32.max)), "100000",
            "Transactional ids known at one time; a producer with one more is refused with "
                + "POLICY_VIOLATION."),
        .init(
            "varve.transaction.partitions.max", .int(1...1_000_000), "10000",
            "Partitions that one transaction may write to."),
    ]
}
