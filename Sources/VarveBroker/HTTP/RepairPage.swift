internal import VarveLog
internal import VarvePlatform

/// `/repair`: damage and partitions that are offline (GET), and mending them now (POST), for
/// `varve log repair`.
///
///     GET  /repair                          what is wrong, what was set aside, what is under way
///     POST /repair                          reopens every offline partition
///     POST /repair?topic=T&partition=P      reopens that one, or verifies it where it is online
///     POST /repair?verify=all               the same for every partition
///
/// To reopen is to recover as at a start, but every batch is read; producers are refused meanwhile
/// as they were before. To verify is to read every batch, index and seal while appends and reads go
/// on. Both set damage aside. A POST answers at once, with the same object as GET: the jobs run one
/// after another; ask again until no `state` is `queued` or `running`. Unknown topics and
/// partitions are answered with 404, a malformed number with 400.
///
///     {"partitions": [                      offline, or with damage to be mended, or with a job
///        {"topic": "t", "partition": 0, "online": false, "cause": "...",       null when online
///         "suspects": [{"segment": 0, "cause": "..."}],
///         "job": {"action": "reopen" | "verify",
///                 "state": "queued" | "running" | "done" | "failed", "bytes": 1,
///                 "damages": [DAMAGE], "notes": ["..."], "error": null}}],    or null
///      "damages": [DAMAGE],                 the newest hundred since the start, oldest first
///      "damageCount": 0, "quarantinedBytes": 0, "transientReads": 0,
///      "scrub": {"bytesPerSecond": 1, "passBeganMs": null, "lastPassEndMs": null, "bytes": 0,
///                "damages": 0}}
///     DAMAGE: {"kind": "corruption" | "torn-write" | "torn-tail", "segment": "<path>",
///              "position": 0, "bytes": 1, "firstOffset": 0, "nextOffset": 1,
///              "quarantine": "<path>"}      the path is empty where the bytes were gone already
enum RepairPage {
    static func text(_ broker: BrokerState) -> String {
        let health = broker.directory.health
        let jobs = broker.repairs.jobs
        var json = JSONText()
        json.object { json in
            json.array("partitions") { json in
                for topic in broker.directory.topics {
                    for log in topic.partitions {
                        let suspects = health.suspects.filter {
                            $0.topic == log.topic && $0.partition == log.partition
                        }
                        let job = jobs[RepairJobs.Key(log)]
                        if log.isOnline && suspects.isEmpty && job == nil { continue }
                        json.object { describe(log, suspects, job, &$0) }
                    }
                }
            }
            describe(health, broker, &json)
        }
        return json.text
    }

    /// What `/status` shows of it.
    static func describe(_ health: HealthReport, _ broker: BrokerState, _ json: inout JSONText) {
        json.array("damages") { json in
            for damage in health.damages { json.object { describe(damage, &$0) } }
        }
        json.field("damageCount", health.damageCount)
        json.field("quarantinedBytes", health.quarantinedBytes)
        json.field("transientReads", health.transientReads)
        json.object("scrub") { json in
            json.field("bytesPerSecond", broker.settings.integer(ScrubThread.rateSetting))
            json.field("passBeganMs", health.scrub.passBegan)
            json.field("lastPassEndMs", health.scrub.lastPassEnd)
            json.field("bytes", health.scrub.bytes)
            json.field("damages", health.scrub.damages)
        }
    }

    /// Queues what a POST asks for.
    static func post(_ request: HTTPRequest, _ broker: BrokerState) -> HTTPResponse {
        var wanted: [PartitionLog] = []
        let topic = request.parameter("topic")
        if let topic {
            guard let number = request.parameter("partition").map({ Int32($0) }) ?? 0 else {
                return .text("partition is not a number", status: 400)
            }
            guard let log = broker.directory.topic(topic)?.partition(number) else {
                return .text("there is no partition \(number) of topic \(topic)", status: 404)
            }
            wanted = [log]
        } else {
            let isAll = request.parameter("verify") == "all"
            wanted = broker.directory.topics.flatMap { topic in
                topic.partitions.filter { isAll || !$0.isOnline }
            }
        }
        broker.repairs.queue(wanted)
        return .json(text(broker))
    }

    private static func describe(
        _ log: PartitionLog, _ suspects: [HealthReport.Suspect], _ job: RepairJobs.Job?,
        _ json: inout JSONText
    ) {
        json.field("topic", log.topic)
        json.field("partition", log.partition)
        json.field("online", log.isOnline)
        json.field("cause", log.failure.map { "\($0)" })
        json.array("suspects") { json in
            for suspect in suspects {
                json.object { json in
                    json.field("segment", suspect.segmentBase)
                    json.field("cause", suspect.cause)
                }
            }
        }
        guard let job else { return json.null("job") }
        json.object("job") { json in
            json.field("action", job.action.rawValue)
            json.field("state", job.state.rawValue)
            json.field("bytes", job.report?.bytesScanned ?? 0)
            json.array("damages") { json in
                for damage in job.report?.damages ?? [] { json.object { describe(damage, &$0) } }
            }
            json.array("notes") { json in
                for note in job.report?.notes ?? [] { json.element(note) }
            }
            json.field("error", job.error)
        }
    }

    private static func describe(_ damage: Damage, _ json: inout JSONText) {
        json.field("kind", damage.kind.rawValue)
        json.field("segment", damage.path)
        json.field("position", damage.position)
        json.field("bytes", damage.byteCount)
        json.field("firstOffset", damage.firstOffset)
        json.field("nextOffset", damage.nextOffset)
        json.field("quarantine", damage.quarantine)
    }
}
