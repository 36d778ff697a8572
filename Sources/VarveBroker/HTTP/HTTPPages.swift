internal import VarveLog
internal import VarvePlatform

/// What the HTTP port shows: health for supervisors, metrics for Prometheus, status for people.
enum HTTPPages {
    static func answer(_ request: HTTPRequest, broker: BrokerState) -> HTTPResponse {
        guard request.method == "GET" || request.method == "HEAD" else {
            return .text("only GET and HEAD are answered", status: 405)
        }
        switch request.path {
        case "/health": return health(broker)
        case "/metrics":
            return HTTPResponse(
                status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
                body: MetricsPage.text(broker))
        case "/status": return .json(StatusPage.text(broker))
        case "/retention": return .json(RetentionPage.text(broker))
        case "/repair": return .json(RepairPage.text(broker))
        case "/": return .text("Varve. See /health, /metrics, /status, /retention and /repair.")
        default: return .text("there is nothing here", status: 404)
        }
    }

    /// 200 while every partition is online, else 503 with those that are not.
    private static func health(_ broker: BrokerState) -> HTTPResponse {
        var offline: [String] = []
        for topic in broker.directory.topics {
            for log in topic.partitions where !log.isOnline {
                offline.append("\(topic.name)-\(log.partition)")
            }
        }
        var json = JSONText()
        let status = broker.isStopping ? "stopping" : offline.isEmpty ? "ok" : "degraded"
        json.object { json in
            json.field("status", status)
            json.field("clusterId", broker.directory.clusterID)
            json.field("nodeId", broker.directory.nodeID)
            json.array("offlinePartitions") { json in
                for name in offline { json.element(name) }
            }
        }
        return .json(json.text, status: status == "ok" ? 200 : 503)
    }
}
