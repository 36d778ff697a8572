internal import VarvePlatform

/// How a data directory's topics are found and recovered at a start.
///
/// Descriptions come first, one after another: they are few and small. Then the partitions of all
/// topics are recovered side by side, as each waits for its own files. What is found and reported
/// stands in the order of names and numbers however the threads took turns.
extension TopicDirectory {
    static func openAll(
        _ topics: String, store: LogStore, options: DataDirectoryOptions,
        isAfterCleanStop: Bool, now: Int64
    ) throws(LogError) -> (topics: [Topic], report: RecoveryReport) {
        var report = RecoveryReport()
        let names: [String]
        do throws(SystemError) {
            names = try store.disk.list(topics)
            // First of all: where a crash came between a topic's renaming and its sync, a power cut
            // would bring the topic back, without what has been removed of it meanwhile.
            try store.disk.syncDirectory(topics)
            let asides = names.filter { $0.utf8.contains(UInt8(ascii: "~")) }
            for name in asides { try removeTree(topics + "/" + name, store.disk) }
            if !asides.isEmpty { try store.disk.syncDirectory(topics) }
        } catch {
            throw LogError(error)
        }
        var found: [Found] = []
        for name in names where TopicName.isValid(name) {
            if let topic = try describe(
                name, topics + "/" + name, store: store, options: options, &report)
            {
                found.append(topic)
            }
        }
        let places = found.indices.flatMap { topic in
            (0..<found[topic].description.partitionCount).map { (topic: topic, number: $0) }
        }
        let recovered = Workers.map(places.count, threads: options.workersInForce) {
            [found] index in
            let topic = found[places[index].topic]
            let number = places[index].number
            return PartitionLog.recovered(
                topic: topic.name, partition: Int32(number),
                directory: "\(topic.directory)/\(number)", configuration: topic.configuration,
                store: topic.store, now: now, readsEverything: options.readsEverything,
                isAfterCleanStop: isAfterCleanStop)
        }
        report.partitions = recovered.map(\.1)
        var next = 0
        let opened = found.map { topic in
            let count = topic.description.partitionCount
            defer { next += count }
            return Topic(
                name: topic.name, id: topic.description.id, directory: topic.directory,
                store: topic.store,
                partitions: recovered[next..<next + count].map(\.0),
                configuration: topic.configuration)
        }
        return (opened, report)
    }

    /// A topic that is there, its partitions not recovered yet.
    private struct Found {
        let name: String
        let directory: String
        let description: TopicDescription
        let configuration: TopicConfiguration
        let store: LogStore
    }

    private static func describe(
        _ name: String, _ directory: String, store: LogStore, options: DataDirectoryOptions,
        _ report: inout RecoveryReport
    ) throws(LogError) -> Found? {
        let description = try readDescription(name, directory, store, &report)
        guard let description else { return nil }
        var configuration = options.topicDefaults
        do throws(LogError) {
            configuration = try TopicConfiguration(
                overrides: description.overrides, defaults: options.topicDefaults)
        } catch {
            // An override that this version does not know must not keep the records away.
            report.notes.append("topic \(name): \(error); the broker's defaults are in force")
            store.logger?.error(
                "topic configuration not usable", ["topic": name, "cause": "\(error)"])
        }
        return Found(
            name: name, directory: directory, description: description,
            configuration: configuration, store: store.forTopic(name, description.id))
    }

    private static func readDescription(
        _ name: String, _ directory: String, _ store: LogStore, _ report: inout RecoveryReport
    ) throws(LogError) -> TopicDescription? {
        let path = directory + "/" + TopicDescription.fileName
        let bytes: ByteSlice
        do throws(SystemError) {
            guard try store.disk.entry(directory) == .directory else {
                report.notes.append("\(directory) is no directory; left alone")
                return nil
            }
            bytes = try store.disk.entry(path) == nil
                ? ByteSlice() : try store.disk.readAll(path, bytesMax: 1 << 20)
        } catch {
            throw LogError(error)
        }
        do throws(LogError) {
            return try TopicDescription(bytes, path: path)
        } catch {
            return try rebuildDescription(
                name, directory, store, cause: error, damaged: bytes, &report)
        }
    }

    /// A topic whose topic.json is gone or damaged keeps its records: as many partitions as there
    /// are directories, and nothing is deleted until somebody sets its retention again. The damaged
    /// file goes to the quarantine (I7).
    private static func rebuildDescription(
        _ name: String, _ directory: String, _ store: LogStore, cause: LogError,
        damaged: ByteSlice, _ report: inout RecoveryReport
    ) throws(LogError) -> TopicDescription? {
        do throws(SystemError) {
            let numbers = try store.disk.list(directory).compactMap { Int($0) }
            guard let last = numbers.max(), last >= 0 else {
                report.notes.append("topic \(name): \(cause); there are no partitions, left alone")
                return nil
            }
            let description = TopicDescription(
                id: try lostID(name, directory, numbers, store), partitionCount: last + 1,
                overrides: [
                    "cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1",
                ])
            if !damaged.isEmpty {
                let checksum = damaged.withUnsafeBytes { CRC32C.checksum($0) }
                try store.disk.replace(
                    "\(store.quarantine)/\(name)-\(String(checksum, radix: 16)).topic.json",
                    with: damaged, inDirectory: store.quarantine)
            }
            try store.disk.replace(
                directory + "/" + TopicDescription.fileName, with: description.bytes,
                inDirectory: directory)
            report.notes.append(
                "topic \(name): \(cause); made anew with \(last + 1) partitions, "
                    + "and nothing is deleted until its retention is set")
            store.logger?.error("topic.json made anew", ["topic": name, "cause": "\(cause)"])
            return description
        } catch {
            throw LogError(error)
        }
    }

    /// The id that a topic had: its partitions' marks say it, and where there is none yet the
    /// journal, which may have another topic of that name, deleted since.
    private static func lostID(
        _ name: String, _ directory: String, _ numbers: [Int], _ store: LogStore
    ) throws(SystemError) -> UniqueID {
        for number in numbers.sorted() {
            let file = try DurableMarkFile(
                reading: "\(directory)/\(number)", disk: store.disk, topicID: .zero)
            if let id = file.last?.topicID, id != .zero { return id }
        }
        return store.journal.topicID(of: name) ?? .random()
    }
}
