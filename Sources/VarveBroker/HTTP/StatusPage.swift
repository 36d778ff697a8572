internal import VarveLog
internal import VarvePlatform

/// `/status`: the broker as one JSON object, which `varve status` reads.
enum StatusPage {
    static func text(_ broker: BrokerState) -> String {
        let lag = GroupLag.all(of: broker)
        var json = JSONText()
        json.object { json in
            json.field("clusterId", broker.directory.clusterID)
            json.field("nodeId", broker.directory.nodeID)
            json.field("uptimeSeconds", broker.uptimeMilliseconds / 1000)
            json.array("listeners") { json in
                for endpoint in broker.listeners { json.element("\(endpoint)") }
            }
            process(broker, &json)
            storage(broker.directory.storage, &json)
            json.object("health") { RepairPage.describe(broker.directory.health, broker, &$0) }
            json.array("topics") { json in
                for topic in broker.directory.topics { describe(topic, &json) }
            }
            json.array("groups") { json in
                for group in lag { describe(group, &json) }
            }
        }
        return json.text
    }

    private static func process(_ broker: BrokerState, _ json: inout JSONText) {
        let metrics = broker.metrics
        json.object("process") { json in
            json.field("pid", ProcessControl.identifier)
            json.field("residentBytes", ProcessMemory.residentBytes() ?? -1)
            json.field("frameBytes", broker.frameMemory.bytesUsed)
            json.field("unsentBytes", broker.responseMemory.bytesUsed)
        }
        json.object("connections") { json in
            json.field("open", metrics.connectionsOpen.count)
            json.field("total", metrics.connectionsTotal.count)
            json.field("refused", metrics.connectionsRefused.count)
            json.field("timedOut", metrics.connectionsTimedOut.count)
        }
        json.object("traffic") { json in
            json.field("bytesIn", metrics.bytesIn.count)
            json.field("bytesOut", metrics.bytesOut.count)
            json.field("recordsAppended", metrics.recordsAppended.count)
            json.field("batchesAppended", metrics.batchesAppended.count)
            json.field("produceErrors", metrics.produceErrors.count)
        }
    }

    private static func storage(_ storage: StorageStatus, _ json: inout JSONText) {
        json.object("storage") { json in
            json.field("bytes", storage.bytes)
            json.field("quotaBytes", storage.quotaBytes ?? -1)
            json.field("quota", storage.quotaLevel.rawValue)
            json.field("full", storage.isFull)
            json.field("reserveBytes", storage.reserveBytes)
            json.field("reserveBytesMax", storage.reserveBytesMax)
            json.field("openFiles", storage.openFiles)
            json.field("openFilesMax", storage.openFilesMax)
        }
    }

    private static func describe(_ topic: Topic, _ json: inout JSONText) {
        json.object { json in
            json.field("name", topic.name)
            json.field("id", topic.id.description)
            json.field("internal", BrokerState.isInternal(topic.name))
            json.field("bytes", topic.byteCount)
            json.field("quotaBytes", topic.configuration.quotaBytes ?? -1)
            json.field("quota", topic.quotaLevel.rawValue)
            json.array("partitions") { json in
                for log in topic.partitions {
                    json.object { json in
                        json.field("partition", log.partition)
                        json.field("startOffset", log.startOffset)
                        json.field("endOffset", log.durableEnd)
                        json.field("bytes", log.byteCount)
                        json.field("online", log.isOnline)
                    }
                }
            }
        }
    }

    private static func describe(_ group: GroupLag, _ json: inout JSONText) {
        json.object { json in
            json.field("group", group.name)
            json.field("state", group.state)
            json.field("members", group.memberCount)
            json.array("offsets") { json in
                for offset in group.offsets {
                    json.object { json in
                        json.field("topic", offset.topic)
                        json.field("partition", offset.partition)
                        json.field("committedOffset", offset.committed)
                        json.field("endOffset", offset.end)
                        json.field("lag", offset.lag)
                    }
                }
            }
        }
    }
}
