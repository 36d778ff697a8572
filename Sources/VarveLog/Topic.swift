package import VarvePlatform

/// A topic: its partitions and how they keep their records.
package final class Topic: Sendable {
    package let name: String
    package let id: UniqueID
    let directory: String
    /// What its partitions share.
    let store: LogStore
    private let state: Lock<State>

    private struct State {
        var partitions: [PartitionLog]
        var configuration: TopicConfiguration
    }

    init(
        name: String, id: UniqueID, directory: String, store: LogStore,
        partitions: [PartitionLog], configuration: TopicConfiguration
    ) {
        self.name = name
        self.id = id
        self.directory = directory
        self.store = store
        store.admission.topic.setLimit(configuration.quotaBytes)
        state = Lock(State(partitions: partitions, configuration: configuration))
    }

    /// By number, from 0.
    package var partitions: [PartitionLog] { state.withLock { $0.partitions } }
    package var configuration: TopicConfiguration { state.withLock { $0.configuration } }

    /// Bytes of its segments, indexes not counted.
    package var byteCount: Int64 { store.admission.topic.bytes }
    /// How near that is to the topic's own `varve.quota.bytes`, as of the last `tick`.
    package var quotaLevel: QuotaLevel { store.admission.topic.level }

    /// Nil when the topic has no such partition.
    package func partition(_ number: Int32) -> PartitionLog? {
        state.withLock { state in
            number >= 0 && Int(number) < state.partitions.count
                ? state.partitions[Int(number)] : nil
        }
    }

    func add(_ partitions: [PartitionLog]) {
        state.withLock { $0.partitions += partitions }
    }

    func configure(_ configuration: TopicConfiguration) {
        state.withLock { $0.configuration = configuration }
        store.admission.topic.setLimit(configuration.quotaBytes)
        for partition in partitions { partition.configure(configuration) }
    }
}

/// The `topic.json` file: what a topic is, apart from its records.
///
///     {"id": "<22 characters>", "partitions": 6, "configuration": {"retention.ms": "1000"},
///      "crc32c": "<CRC-32C, in hexadecimal, of this object as written without this member>"}
///
/// One changed digit in it could hide a partition or have records deleted too early: where the
/// checksum is there and wrong, the file is taken for damaged.
struct TopicDescription: Equatable {
    static let fileName = "topic.json"

    var id: UniqueID
    var partitionCount: Int
    var overrides: [String: String]

    var bytes: ByteSlice {
        ByteSlice(json([("crc32c", .string(String(checksum, radix: 16)))]) + "\n")
    }

    private var checksum: UInt32 {
        ByteSlice(json([])).withUnsafeBytes { CRC32C.checksum($0) }
    }

    private func json(_ more: [(name: String, value: JSON)]) -> String {
        let configuration = overrides.sorted { $0.key < $1.key }.map {
            (name: $0.key, value: JSON.string($0.value))
        }
        return JSON.object(
            [
                ("id", .string("\(id)")), ("partitions", .int(Int64(partitionCount))),
                ("configuration", .object(configuration)),
            ] + more
        ).text(indent: true)
    }

    init(id: UniqueID, partitionCount: Int, overrides: [String: String]) {
        self.id = id
        self.partitionCount = partitionCount
        self.overrides = overrides
    }

    /// - Throws: `.corrupt`, saying what is missing or wrong.
    init(_ bytes: ByteSlice, path: String) throws(LogError) {
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: bytes)
        } catch {
            throw .corrupt(
                path: path, position: Int64(error.position ?? 0), reason: "\(error)")
        }
        guard let text = json["id"]?.string, let id = UniqueID(text),
            let count = json["partitions"]?.int, (1...Int64(Int32.max)).contains(count),
            let configuration = json["configuration"]?.members
        else {
            throw .corrupt(
                path: path, position: 0, reason: "id, partitions or configuration is missing")
        }
        self.id = id
        partitionCount = Int(count)
        overrides = [:]
        for (name, value) in configuration {
            guard let value = value.string else {
                throw .corrupt(path: path, position: 0, reason: "\(name) is not a string")
            }
            overrides[name] = value
        }
        if let found = json["crc32c"], found.string != String(checksum, radix: 16) {
            throw .corrupt(path: path, position: 0, reason: "its checksum is wrong")
        }
    }
}
