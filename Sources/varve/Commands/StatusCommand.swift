internal import FoundationEssentials
internal import VarveDelivery
internal import VarvePlatform

/// `varve status`: the broker, the supervised processes, the workers and the groups on one page.
enum StatusCommand {
    static let command = Command(
        "status", summary: "Show how the broker, the workers and the groups are.",
        discussion: "Status 1 when the broker does not answer.", options: [.http, .json, .config]
    ) { (arguments) throws(CommandError) in
        let page = try Page(arguments)
        Output.standard.write(arguments.has(.json) ? JSONOutput.document(page) : page.text)
        if page.broker == nil { throw .failed(page.brokerError ?? "the broker does not answer") }
    }

    private struct Page: Encodable {
        var broker: BrokerStatus?
        var brokerError: String?
        var supervision: RunDirectory.Supervision?
        var workers: [RunDirectory.WorkerReport] = []

        init(_ arguments: Arguments) throws(CommandError) {
            let http = try BrokerHTTP(arguments)
            do throws(CommandError) {
                broker = try http.get("/status", as: BrokerStatus.self)
            } catch {
                brokerError = error.message
            }
            guard let configuration = try arguments.configurationIfAny() else { return }
            let directory = RunDirectory(dataDirectory: configuration.dataDirectory)
            do {
                let found = try directory.supervision()
                // What a killed `varve up` left behind says nothing about now.
                if let found, ProcessControl.send(0, to: found.process) { supervision = found }
                for worker in configuration.workers {
                    guard let report = try directory.worker(worker.name) else { continue }
                    if ProcessControl.send(0, to: report.process) { workers.append(report) }
                }
            } catch {
                throw .failed("cannot read \(directory.path): \(error)")
            }
        }

        var text: String {
            var text = ""
            if let broker {
                text += broker.text
            } else {
                text += "broker  not there: \(brokerError ?? "")\n"
            }
            if let supervision { text += "\n" + processes(supervision) }
            if !workers.isEmpty { text += "\n" + deliveries }
            if let broker, !broker.groups.isEmpty { text += "\n" + broker.groupsText }
            return text
        }

        private func processes(_ supervision: RunDirectory.Supervision) -> String {
            let now = SystemClock().wallMilliseconds()
            var table = Table(
                ("PROCESS", .left), ("STATE", .left), ("PID", .right), ("FOR", .right),
                ("RESTARTS", .right), ("LAST-ENDING", .left))
            for child in supervision.children {
                table.row(
                    child.name, child.phase.rawValue, child.process.map { "\($0)" } ?? "",
                    child.phase == .running
                        ? child.startedAt.map { Quantity.duration(milliseconds: now - $0) } ?? ""
                        : "",
                    "\(child.restarts)", child.lastEnding ?? "")
            }
            return table.text
        }

        private var deliveries: String {
            var table = Table(
                ("WORKER", .left), ("STATE", .left), ("DELIVERED", .right), ("RETRIED", .right),
                ("DEAD-LETTERED", .right), ("DROPPED", .right), ("LAG", .right), ("TROUBLE", .left))
            for report in workers {
                let status = report.status
                table.row(
                    status.name, status.state.rawValue, "\(status.delivered)",
                    "\(status.retried)", "\(status.deadLettered)", "\(status.dropped)",
                    "\(status.lag)",
                    (status.pausedReason ?? status.lastError ?? "").inOneLine)
            }
            return table.text
        }
    }
}

/// The broker's `/status`.
struct BrokerStatus: Codable, Sendable {
    struct Process: Codable, Sendable {
        let pid: Int32
        let residentBytes: Int64
    }
    struct Connections: Codable, Sendable {
        let open: Int64
    }
    struct Partition: Codable, Sendable {
        let partition: Int32
        let startOffset: Int64
        let endOffset: Int64
        let bytes: Int64
        let online: Bool
    }
    struct Storage: Codable, Sendable {
        let bytes: Int64
        let quotaBytes: Int64
        let quota: String
        let full: Bool
        let reserveBytes: Int64
        let reserveBytesMax: Int64
        let openFiles: Int64
        let openFilesMax: Int64
    }
    struct Topic: Codable, Sendable {
        let name: String
        let bytes: Int64
        let quotaBytes: Int64
        let quota: String
        let partitions: [Partition]
    }
    struct Offset: Codable, Sendable {
        let topic: String
        let partition: Int32
        let committedOffset: Int64
        let endOffset: Int64
        let lag: Int64
    }
    struct Group: Codable, Sendable {
        let group: String
        let state: String
        let members: Int
        let offsets: [Offset]
    }
    let clusterId: String
    let uptimeSeconds: Int64
    let listeners: [String]
    let process: Process
    let connections: Connections
    let storage: Storage
    let topics: [Topic]
    let groups: [Group]

    var text: String {
        let partitions = topics.flatMap(\.partitions)
        let records = partitions.reduce(0) { $0 + $1.endOffset - $1.startOffset }
        let offline = topics.flatMap { topic in
            topic.partitions.filter { !$0.online }.map { "\(topic.name)-\($0.partition)" }
        }
        var text =
            "broker  up \(Quantity.duration(milliseconds: uptimeSeconds * 1000)), "
            + "\(listeners.joined(separator: ", ")), pid \(process.pid), "
            + "\(Quantity.bytes(process.residentBytes)) of memory, "
            + "\(connections.open) connections\n"
            + "log     \(topics.count) topics, \(partitions.count) partitions, "
            + "\(Quantity.count(records)) records, "
            + "\(Quantity.bytes(partitions.reduce(0) { $0 + $1.bytes }))\n"
        if storage.full {
            text +=
                "DISK FULL: produce is refused until space returns; reserve "
                + "\(Quantity.bytes(storage.reserveBytes)) of "
                + "\(Quantity.bytes(storage.reserveBytesMax))\n"
        }
        if storage.quota != "ok" {
            text += quotaText("all topics", storage.bytes, storage.quotaBytes, storage.quota)
        }
        for topic in topics where topic.quota != "ok" {
            text += quotaText("topic \(topic.name)", topic.bytes, topic.quotaBytes, topic.quota)
        }
        if !offline.isEmpty { text += "OFFLINE \(offline.joined(separator: ", "))\n" }
        return text
    }

    private func quotaText(
        _ name: String, _ bytes: Int64, _ bytesMax: Int64, _ level: String
    ) -> String {
        (level == "reached" ? "QUOTA REACHED" : "quota nearly reached")
            + ": \(name) \(Quantity.bytes(bytes)) of \(Quantity.bytes(bytesMax))\n"
    }

    var groupsText: String {
        var table = Table(
            ("GROUP", .left), ("STATE", .left), ("MEMBERS", .right), ("LAG", .right))
        for group in groups {
            table.row(
                group.group, group.state, "\(group.members)",
                "\(group.offsets.reduce(0) { $0 + max(0, $1.lag) })")
        }
        return table.text
    }
}
