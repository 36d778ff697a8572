internal import VarveLog
internal import VarvePlatform

/// `varve log repair` where a broker works in the directory: that broker verifies and mends its
/// own partitions, asked over HTTP, while it goes on.
struct RunningRepair: Sendable {
    private let directory: LogCommands.Directory
    private let http: BrokerHTTP

    /// - Throws: when no broker answers on the HTTP port, or another one than the directory's.
    init(
        _ directory: LogCommands.Directory, _ arguments: Arguments
    ) throws(CommandError) {
        self.directory = directory
        http = try BrokerHTTP(arguments)
        let status: BrokerStatus
        do throws(CommandError) {
            status = try http.get("/status", as: BrokerStatus.self)
        } catch {
            throw .failed(
                "\(directory.path) is in use by \(directory.holder), and there is "
                    + "\(error.message); give that broker's --http HOST:PORT, or stop it first")
        }
        guard directory.holder.hasPrefix("process \(status.process.pid) ") else {
            throw .failed(
                "\(directory.path) is in use by \(directory.holder), but process "
                    + "\(status.process.pid) answers at \(http.endpoint): give the --http "
                    + "HOST:PORT of the right broker, or stop it first")
        }
    }

    /// What is wrong, found beside the broker; nothing is changed.
    func findings() throws(CommandError) -> [Finding] {
        var options = Verification.Options()
        options.isRunning = true
        options.pause = { Blocking.pause(milliseconds: 100) }
        var verification = Verification(path: directory.path, disk: PosixDisk(), options: options)
        do throws(LogError) {
            return try verification.run().findings
        } catch {
            throw .failed("\(error)")
        }
    }

    /// The partitions that the broker has taken offline, or that hold damage it knows of.
    func page() throws(CommandError) -> Page { try http.get("/repair", as: Page.self) }

    /// Has the broker verify every partition, and reopen what is offline; returns when that is
    /// done.
    func execute() throws(CommandError) -> Page {
        var page = try http.post("/repair?verify=all", as: Page.self)
        while page.partitions.contains(where: { $0.job?.isUnderWay ?? false }) {
            Blocking.pause(milliseconds: 200)
            page = try self.page()
        }
        return page
    }

    /// The broker's `/repair`.
    struct Page: Codable, Sendable {
        struct Suspect: Codable, Sendable {
            let segment: Int64
            let cause: String
        }
        struct Damage: Codable, Sendable {
            let kind: String
            let segment: String
            let position: Int64
            let bytes: Int64
            let firstOffset: Int64
            let nextOffset: Int64
            /// Empty where the bytes were gone already.
            let quarantine: String
        }
        struct Job: Codable, Sendable {
            let action: String
            let state: String
            let bytes: Int64
            let damages: [Damage]
            let notes: [String]
            let error: String?

            var isUnderWay: Bool { state == "queued" || state == "running" }
        }
        struct Partition: Codable, Sendable {
            let topic: String
            let partition: Int32
            let online: Bool
            let cause: String?
            let suspects: [Suspect]
            let job: Job?

            var name: String { "\(topic)-\(partition)" }
        }
        let partitions: [Partition]

        var damageCount: Int { partitions.reduce(0) { $0 + ($1.job?.damages.count ?? 0) } }
        var noteCount: Int { partitions.reduce(0) { $0 + ($1.job?.notes.count ?? 0) } }
        var failures: [String] {
            partitions.compactMap { partition in
                if let error = partition.job?.error { return "\(partition.name): \(error)" }
                return partition.online ? nil : "\(partition.name) is offline"
            }
        }

        /// What was done, in the words of a repair of a stopped directory.
        var text: String {
            var lines: [String] = []
            for partition in partitions {
                for damage in partition.job?.damages ?? [] {
                    lines.append(
                        "\(partition.name)  \(damage.kind)  \(damage.segment) position "
                            + "\(damage.position), \(damage.bytes) bytes, offsets "
                            + "\(damage.firstOffset) to before \(damage.nextOffset)"
                            + (damage.quarantine.isEmpty
                                ? "; the bytes are not there any more"
                                : "; set aside in \(damage.quarantine)"))
                }
                lines += (partition.job?.notes ?? []).map { "\(partition.name)  \($0)" }
            }
            return lines.map { $0 + "\n" }.joined()
        }

        /// What is offline or suspect, before anything is done.
        var trouble: String {
            var lines: [String] = []
            for partition in partitions {
                if !partition.online {
                    lines.append("\(partition.name)  is offline: \(partition.cause ?? "?")")
                }
                lines += partition.suspects.map {
                    "\(partition.name)  segment \($0.segment) is suspect: \($0.cause)"
                }
            }
            return lines.map { $0 + "\n" }.joined()
        }
    }
}
