internal import FoundationEssentials
package import VarveDelivery

/// Where `varve up` and its workers say how they are, for `varve status`: small files under
/// `run/` in the data directory, each replaced as a whole.
package struct RunDirectory: Sendable {
    package let path: String

    /// - Parameter dataDirectory: the broker's.
    package init(dataDirectory: String) { path = "\(dataDirectory)/run" }

    /// What `varve up` says.
    package struct Supervision: Codable, Equatable, Sendable {
        /// The process of `varve up`.
        package var process: Int32
        /// Milliseconds since 1970.
        package var startedAt: Int64
        package var children: [ChildState]
    }

    /// What `varve worker` says.
    package struct WorkerReport: Codable, Equatable, Sendable {
        package var process: Int32
        /// Milliseconds since 1970 of the report; a running worker reports every second.
        package var time: Int64
        package var status: WorkerStatus
    }

    private var supervisionFile: String { "\(path)/up.json" }

    /// The file that the worker of this name reports to.
    package func workerFile(_ name: String) -> String { "\(path)/worker-\(name).json" }

    package func create() throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    package func write(_ supervision: Supervision) throws {
        try Self.replace(supervisionFile, with: supervision)
    }

    /// Nil when `varve up` was never run here.
    package func supervision() throws -> Supervision? {
        try Self.read(Supervision.self, supervisionFile)
    }

    /// Nil when the worker never reported.
    package func worker(_ name: String) throws -> WorkerReport? {
        try Self.read(WorkerReport.self, workerFile(name))
    }

    /// Replaces `file`, so that a reader finds the old or the new and nothing between. Not synced:
    /// after a power cut it says nothing of interest.
    package static func replace(_ file: String, with value: some Encodable) throws {
        try JSONEncoder().encode(value).write(to: URL(fileURLWithPath: file), options: .atomic)
    }

    private static func read<Value: Decodable>(
        _ type: Value.Type, _ file: String
    ) throws -> Value? {
        guard let data = FileManager.default.contents(atPath: file) else { return nil }
        return try JSONDecoder().decode(type, from: data)
    }
}
