internal import VarveLog
internal import VarvePlatform

/// `/retention`: what each topic keeps and which segments may go (GET), and letting them go now
/// (POST), for `varve retention`.
enum RetentionPage {
    static func text(_ broker: BrokerState) -> String {
        let plan = broker.directory.retentionPlan(now: broker.clock.wallMilliseconds())
        var json = JSONText()
        json.object { json in
            json.array("topics") { json in
                for topic in broker.directory.topics { describe(topic, plan, &json) }
            }
        }
        return json.text
    }

    /// Applies every topic's retention and says what went. Syncs directories: not on an event
    /// loop.
    static func apply(_ broker: BrokerState) -> String {
        let actions = broker.directory.applyRetention(now: broker.clock.wallMilliseconds())
        for action in actions {
            broker.metrics.retentionSegments.add()
            broker.logger.info("deleted segment", ["action": "\(action)"])
        }
        var json = JSONText()
        json.object { json in
            json.array("deleted") { json in
                for action in actions {
                    json.object { json in
                        json.field("topic", action.topic)
                        json.field("partition", action.partition)
                        describe(action, &json)
                    }
                }
            }
        }
        return json.text
    }

    private static func describe(
        _ topic: Topic, _ plan: [RetentionAction], _ json: inout JSONText
    ) {
        let configuration = topic.configuration
        json.object { json in
            json.field("name", topic.name)
            json.field("cleanupPolicy", configuration.value(of: "cleanup.policy"))
            json.field("retentionMs", configuration.retentionMilliseconds ?? -1)
            json.field("retentionBytes", configuration.retentionBytes ?? -1)
            json.field("clock", configuration.value(of: "varve.retention.clock"))
            json.array("partitions") { json in
                for log in topic.partitions {
                    json.object { json in
                        json.field("partition", log.partition)
                        json.field("startOffset", log.startOffset)
                        json.field("endOffset", log.durableEnd)
                        json.field("bytes", log.byteCount)
                        json.array("deletable") { json in
                            for action in plan
                            where action.topic == topic.name && action.partition == log.partition {
                                json.object { describe(action, &$0) }
                            }
                        }
                    }
                }
            }
        }
    }

    private static func describe(_ action: RetentionAction, _ json: inout JSONText) {
        json.field("baseOffset", action.baseOffset)
        json.field("nextOffset", action.nextOffset)
        json.field("bytes", action.byteCount)
        json.field("reason", action.reason.rawValue)
    }
}
