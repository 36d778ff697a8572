internal import VarveLog
internal import VarvePlatform
internal import VarveWire

/// `/metrics` in Prometheus' text format 0.0.4. Where kafka_exporter has a name for a thing it is
/// used, so that existing dashboards and alerts work; the rest is `varve_` and `process_`.
enum MetricsPage {
    static func text(_ broker: BrokerState) -> String {
        var page = Page()
        topics(broker, &page)
        storage(broker, &page)
        groups(broker, &page)
        transactions(broker, &page)
        traffic(broker, &page)
        health(broker, &page)
        return page.text
    }

    private struct Page {
        var text = ""

        mutating func metric(_ name: String, _ type: String, _ help: String) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
        }

        mutating func sample(
            _ name: String, _ labels: KeyValuePairs<String, String>,
            _ value: some BinaryInteger
        ) {
            text += name
            if !labels.isEmpty {
                text += "{"
                var isFirst = true
                for (label, value) in labels {
                    if !isFirst { text += "," }
                    isFirst = false
                    text += "\(label)=\(escaped(value))"
                }
                text += "}"
            }
            text += " \(value)\n"
        }

        /// Label values: backslash, quote and line feed are escaped.
        private func escaped(_ value: String) -> String {
            var result = "\""
            for scalar in value.unicodeScalars {
                switch scalar {
                case "\\": result += "\\\\"
                case "\"": result += "\\\""
                case "\n": result += "\\n"
                default: result.unicodeScalars.append(scalar)
                }
            }
            return result + "\""
        }
    }

    private static func topics(_ broker: BrokerState, _ page: inout Page) {
        let topics = broker.directory.topics
        page.metric("kafka_brokers", "gauge", "Brokers in the cluster.")
        page.sample("kafka_brokers", [:], 1)
        page.metric("kafka_topic_partitions", "gauge", "Partitions of the topic.")
        for topic in topics {
            page.sample(
                "kafka_topic_partitions", ["topic": topic.name], topic.partitions.count)
        }
        func each(_ name: String, _ help: String, _ value: (PartitionLog) -> Int64) {
            page.metric(name, "gauge", help)
            for topic in topics {
                for log in topic.partitions {
                    page.sample(
                        name, ["partition": "\(log.partition)", "topic": topic.name], value(log))
                }
            }
        }
        each("kafka_topic_partition_current_offset", "The partition's durable end.") {
            $0.durableEnd
        }
        each("kafka_topic_partition_oldest_offset", "The partition's first offset.") {
            $0.startOffset
        }
        each("kafka_topic_partition_leader", "The broker that leads; -1 when offline.") {
            $0.isOnline ? Int64(broker.directory.nodeID) : -1
        }
        each("kafka_topic_partition_replicas", "Copies of the partition.") { _ in 1 }
        each("kafka_topic_partition_in_sync_replica", "Copies that are in sync.") {
            $0.isOnline ? 1 : 0
        }
        each("varve_partition_bytes", "Bytes of the partition's segments.") { $0.byteCount }
        each("varve_partition_online", "1 while the partition takes and serves records.") {
            $0.isOnline ? 1 : 0
        }
    }

    private static func storage(_ broker: BrokerState, _ page: inout Page) {
        let storage = broker.directory.storage
        func gauge(_ name: String, _ help: String, _ value: some BinaryInteger) {
            page.metric(name, "gauge", help)
            page.sample(name, [:], value)
        }
        gauge("varve_log_bytes", "Bytes of all segments.", storage.bytes)
        gauge(
            "varve_log_quota_bytes", "What they may be together; -1 without limit.",
            storage.quotaBytes ?? -1)
        gauge(
            "varve_disk_full", "1 while the disk is full and Produce is refused.",
            storage.isFull ? 1 : 0)
        gauge(
            "varve_disk_reserve_bytes", "Bytes set aside for a full disk now.",
            storage.reserveBytes)
        gauge(
            "varve_disk_reserve_bytes_max", "Bytes that should be set aside.",
            storage.reserveBytesMax)
        page.metric(
            "varve_appends_refused_total", "counter", "Appends refused for want of space.")
        page.sample("varve_appends_refused_total", ["reason": "full"], storage.fullRefusals)
        page.sample("varve_appends_refused_total", ["reason": "quota"], storage.quotaRefusals)
        gauge("varve_open_files", "Segment files open.", storage.openFiles)
        gauge("varve_open_files_max", "Segment files kept open at most.", storage.openFilesMax)
        let topics = broker.directory.topics.filter { $0.configuration.quotaBytes != nil }
        page.metric("varve_topic_bytes", "gauge", "Bytes of a topic that has a quota.")
        for topic in topics {
            page.sample("varve_topic_bytes", ["topic": topic.name], topic.byteCount)
        }
        page.metric("varve_topic_quota_bytes", "gauge", "The topic's quota.")
        for topic in topics {
            page.sample(
                "varve_topic_quota_bytes", ["topic": topic.name],
                topic.configuration.quotaBytes ?? -1)
        }
    }

    private static func groups(_ broker: BrokerState, _ page: inout Page) {
        let groups = GroupLag.all(of: broker)
        page.metric("kafka_consumergroup_members", "gauge", "Members of the group.")
        for group in groups {
            page.sample(
                "kafka_consumergroup_members", ["consumergroup": group.name], group.memberCount)
        }
        func each(_ name: String, _ help: String, _ value: (GroupLag.Offset) -> Int64) {
            page.metric(name, "gauge", help)
            for group in groups {
                for offset in group.offsets {
                    page.sample(
                        name,
                        [
                            "consumergroup": group.name, "partition": "\(offset.partition)",
                            "topic": offset.topic,
                        ], value(offset))
                }
            }
        }
        each("kafka_consumergroup_current_offset", "The group's committed offset.") {
            $0.committed
        }
        each("kafka_consumergroup_lag", "Durable records the group has not passed.") { $0.lag }
        page.metric("kafka_consumergroup_lag_sum", "gauge", "Lag over a topic's partitions.")
        for group in groups {
            var sums: [String: Int64] = [:]
            for offset in group.offsets { sums[offset.topic, default: 0] += offset.lag }
            for (topic, sum) in sums.sorted(by: { $0.key < $1.key }) {
                page.sample(
                    "kafka_consumergroup_lag_sum",
                    ["consumergroup": group.name, "topic": topic], sum)
            }
        }
    }

    private static func transactions(_ broker: BrokerState, _ page: inout Page) {
        page.metric("varve_transactional_ids", "gauge", "Transactional ids by state.")
        let counts = broker.transactions.countsByPhase
        for phase in TransactionPhase.allCases {
            page.sample("varve_transactional_ids", ["state": phase.name], counts[phase] ?? 0)
        }
        page.metric("varve_transactions_total", "counter", "Transactions decided.")
        let decided: KeyValuePairs = [
            "committed": broker.transactions.committed, "aborted": broker.transactions.aborted,
            "timed_out": broker.transactions.timedOut,
        ]
        for (outcome, counter) in decided {
            page.sample("varve_transactions_total", ["outcome": outcome], counter.count)
        }
    }

    private static func traffic(_ broker: BrokerState, _ page: inout Page) {
        let metrics = broker.metrics
        func counter(_ name: String, _ help: String, _ value: Counter) {
            page.metric(name, "counter", help)
            page.sample(name, [:], value.count)
        }
        func gauge(_ name: String, _ help: String, _ value: Int) {
            page.metric(name, "gauge", help)
            page.sample(name, [:], value)
        }
        gauge("varve_connections", "Open Kafka connections.", metrics.connectionsOpen.count)
        counter("varve_connections_total", "Connections taken.", metrics.connectionsTotal)
        counter(
            "varve_connections_refused_total", "Connections closed on arrival.",
            metrics.connectionsRefused)
        counter(
            "varve_connections_timed_out_total", "Connections closed for making no progress.",
            metrics.connectionsTimedOut)
        counter(
            "varve_requests_refused_total", "Connections closed for what they sent.",
            metrics.requestsRefused)
        counter(
            "varve_throttled_total", "Times a client over its quota was kept waiting.",
            metrics.throttled)
        let sessions = broker.fetchSessions
        gauge("varve_fetch_sessions", "Fetch sessions kept.", sessions.count)
        gauge(
            "varve_fetch_session_partitions", "Partitions of all fetch sessions.",
            sessions.partitionCount)
        gauge(
            "varve_fetch_sessions_evicted", "Fetch sessions that went for others so far.",
            sessions.evicted)
        if let authorizer = broker.authorizer {
            counter(
                "varve_access_refused_total", "What clients asked for and may not do.",
                authorizer.refused)
            gauge(
                "varve_access_rules", "Access rules in force.", authorizer.rules.rules.count)
            gauge(
                "varve_access_rules_lost",
                "1 where access rules were lost to damage and have to be made anew.",
                authorizer.areRulesLost ? 1 : 0)
        }
        if let tls = broker.tls {
            counter(
                "varve_tls_handshakes_total", "TLS handshakes that came to their end.",
                metrics.handshakes)
            counter(
                "varve_tls_handshakes_failed_total", "TLS handshakes that failed.",
                metrics.handshakesFailed)
            gauge(
                "varve_tls_certificate_not_after_seconds",
                "When the broker's certificate ends, in seconds since 1970.",
                Int((tls.context.notAfter ?? 0) / 1000))
        }
        page.metric("varve_requests_total", "counter", "Requests taken, by API.")
        for (api, _) in AdvertisedVersions.served {
            page.sample("varve_requests_total", ["api": api.name], metrics.requestCount(api))
        }
        counter("varve_bytes_in_total", "Bytes read from clients.", metrics.bytesIn)
        counter("varve_bytes_out_total", "Bytes sent to clients.", metrics.bytesOut)
        counter("varve_records_appended_total", "Records appended.", metrics.recordsAppended)
        counter("varve_batches_appended_total", "Batches appended.", metrics.batchesAppended)
        counter(
            "varve_batch_bytes_appended_total", "Bytes of batches appended.",
            metrics.batchBytesAppended)
        counter(
            "varve_produce_errors_total", "Partitions of Produce requests that were refused.",
            metrics.produceErrors)
        counter("varve_fetch_bytes_total", "Bytes of batches read for clients.", metrics.fetchBytes)
        counter(
            "varve_retention_segments_total", "Segments deleted by retention.",
            metrics.retentionSegments)
        counter(
            "varve_retention_bytes_total", "Bytes deleted by retention.", metrics.retentionBytes)
        counter(
            "varve_compactions_total", "Compactions of a partition that came to their end.",
            metrics.compactions)
        counter(
            "varve_compaction_errors_total", "Compactions that failed and were put off.",
            metrics.compactionErrors)
        counter(
            "varve_compaction_io_bytes_total", "Bytes read and written by compaction.",
            metrics.compactionBytes)
        counter(
            "varve_compaction_freed_bytes_total", "Bytes that compaction gave back.",
            metrics.compactionFreedBytes)
        counter(
            "varve_compaction_records_removed_total", "Records that compaction removed.",
            metrics.compactionRecords)
        gauge(
            "varve_compaction_last_timestamp_seconds",
            "When the last compaction ended, seconds since 1970; 0 before the first.",
            metrics.compactionLastSeconds.amount)
        gauge(
            "varve_compaction_dirty_percent_max",
            "The largest share of bytes not yet compacted of any partition.",
            metrics.compactionDirtyPercent.amount)
        gauge(
            "varve_compaction_failing_partitions", "Partitions whose compaction is put off.",
            metrics.compactionFailing.amount)
        counter(
            "varve_frames_starved_total", "Times a large request waited for memory.",
            metrics.framesStarved)
        gauge(
            "varve_frame_bytes", "Memory of large requests in arrival.",
            broker.frameMemory.bytesUsed)
        gauge(
            "varve_unsent_bytes", "Response bytes that clients have not taken.",
            broker.responseMemory.bytesUsed)
        if let resident = ProcessMemory.residentBytes() {
            gauge("process_resident_memory_bytes", "Resident memory of the broker.", resident)
        }
        gauge(
            "varve_uptime_seconds", "Seconds since the broker started.",
            Int(broker.uptimeMilliseconds / 1000))
    }

    private static func health(_ broker: BrokerState, _ page: inout Page) {
        let health = broker.directory.health
        func sample(_ name: String, _ type: String, _ help: String, _ value: Int64) {
            page.metric(name, type, help)
            page.sample(name, [:], value)
        }
        sample(
            "varve_damages_total", "counter", "Damaged ranges found since the start.",
            Int64(health.damageCount))
        sample(
            "varve_quarantined_bytes_total", "counter",
            "Bytes set aside in the quarantine since the start.", health.quarantinedBytes)
        sample(
            "varve_damaged_segments", "gauge", "Segments with damage that is not set aside yet.",
            Int64(health.suspects.count))
        sample(
            "varve_transient_reads_total", "counter",
            "Reads that were right when the disk was asked again.", Int64(health.transientReads))
        sample(
            "varve_scrub_bytes", "gauge", "Bytes read by the scrubber's pass under way, or last.",
            health.scrub.bytes)
        sample(
            "varve_scrub_damages", "gauge", "Damages found by it.", Int64(health.scrub.damages))
        sample(
            "varve_scrub_last_pass_end_seconds", "gauge",
            "When the scrubber had last been everywhere, in seconds since 1970; 0 when never.",
            (health.scrub.lastPassEnd ?? 0) / 1000)
    }
}
