internal import VarvePlatform

/// The files of topics: made, deleted and found so that a crash leaves the old state or the new.
///
/// A topic is made in a directory named `<topic>~new` and renamed when everything in it is
/// durable; it is deleted by renaming it `<topic>~deleted~<id>`. Topic names cannot hold a `~`, so
/// what a crash left of either is plain to see, and removed at the next start.
enum TopicDirectory {
    static func create(
        _ name: String, partitions: Int, configuration: TopicConfiguration, in topics: String,
        store: LogStore
    ) throws(LogError) -> Topic {
        let disk = store.disk
        let aside = topics + "/" + name + "~new"
        let directory = topics + "/" + name
        let description = TopicDescription(
            id: .random(), partitionCount: partitions, overrides: configuration.overrides)
        do throws(SystemError) {
            try removeTree(aside, disk)
            try disk.createDirectory(aside)
            for number in 0..<partitions { try disk.createDirectory("\(aside)/\(number)") }
            try disk.replace(
                aside + "/" + TopicDescription.fileName, with: description.bytes,
                inDirectory: aside)
            try disk.rename(aside, to: directory)
        } catch {
            throw LogError(error)
        }
        do throws(SystemError) {
            try disk.syncDirectory(topics)
        } catch {
            // Whether the name is durable is not known; take it back where that still goes.
            do throws(SystemError) {
                try disk.rename(directory, to: aside)
            } catch let second {
                store.logger?.warning("topic left half made", ["topic": name, "cause": second])
            }
            throw LogError(error)
        }
        return topic(name, description, configuration, directory, store)
    }

    private static func topic(
        _ name: String, _ description: TopicDescription, _ configuration: TopicConfiguration,
        _ directory: String, _ store: LogStore
    ) -> Topic {
        var partitions: [PartitionLog] = []
        for number in 0..<description.partitionCount {
            partitions.append(
                PartitionLog.empty(
                    topic: name, partition: Int32(number), directory: "\(directory)/\(number)",
                    configuration: configuration, store: store))
        }
        return Topic(
            name: name, id: description.id, directory: directory, partitions: partitions,
            configuration: configuration)
    }

    static func write(
        _ description: TopicDescription, in directory: String, _ disk: any Disk
    ) throws(LogError) {
        do throws(SystemError) {
            try disk.replace(
                directory + "/" + TopicDescription.fileName, with: description.bytes,
                inDirectory: directory)
        } catch {
            throw LogError(error)
        }
    }

    static func addPartitions(
        _ topic: Topic, total: Int, store: LogStore
    ) throws(LogError) {
        let first = topic.partitions.count
        do throws(SystemError) {
            for number in first..<total {
                try store.disk.createDirectory("\(topic.directory)/\(number)")
            }
            try store.disk.syncDirectory(topic.directory)
        } catch {
            throw LogError(error)
        }
        try write(
            TopicDescription(
                id: topic.id, partitionCount: total, overrides: topic.configuration.overrides),
            in: topic.directory, store.disk)
        var added: [PartitionLog] = []
        for number in first..<total {
            added.append(
                PartitionLog.empty(
                    topic: topic.name, partition: Int32(number),
                    directory: "\(topic.directory)/\(number)",
                    configuration: topic.configuration, store: store))
        }
        topic.add(added)
    }

    // MARK: Deleting

    private static func deletedPath(_ topic: Topic, in topics: String) -> String {
        "\(topics)/\(topic.name)~deleted~\(topic.id)"
    }

    /// Renames the topic out of the way; durable on return.
    ///
    /// Where the rename cannot be made durable nobody knows whether the next start finds the
    /// topic: its partitions go offline, so that nothing is acknowledged that may be gone (I6).
    static func markDeleted(
        _ topic: Topic, in topics: String, store: LogStore
    ) throws(LogError) {
        do throws(SystemError) {
            try store.disk.rename(topic.directory, to: deletedPath(topic, in: topics))
        } catch {
            throw LogError(error)
        }
        do throws(SystemError) {
            try store.disk.syncDirectory(topics)
        } catch {
            for partition in topic.partitions { partition.poison(.io(error)) }
            throw LogError(error)
        }
    }

    /// Removes the files of a topic that `markDeleted` put aside. What cannot be removed now goes
    /// at the next start.
    static func removeDeleted(_ topic: Topic, in topics: String, store: LogStore) {
        do throws(SystemError) {
            try removeTree(deletedPath(topic, in: topics), store.disk)
        } catch {
            store.logger?.warning(
                "deleted topic's files remain until the next start",
                ["topic": topic.name, "cause": error])
        }
    }

    static func removeTree(_ path: String, _ disk: any Disk) throws(SystemError) {
        guard try disk.entry(path) != nil else { return }
        for name in try disk.list(path) {
            let inner = path + "/" + name
            if try disk.entry(inner) == .directory {
                try removeTree(inner, disk)
            } else {
                try disk.remove(inner)
            }
        }
        try disk.removeDirectory(path)
    }

    // MARK: Opening

    static func openAll(
        _ topics: String, store: LogStore, options: DataDirectoryOptions, now: Int64
    ) throws(LogError) -> (topics: [Topic], report: RecoveryReport) {
        var report = RecoveryReport()
        var found: [Topic] = []
        let names: [String]
        do throws(SystemError) {
            names = try store.disk.list(topics)
            for name in names where name.utf8.contains(UInt8(ascii: "~")) {
                try removeTree(topics + "/" + name, store.disk)
            }
            try store.disk.syncDirectory(topics)
        } catch {
            throw LogError(error)
        }
        for name in names where TopicName.isValid(name) {
            if let topic = try open(
                name, topics + "/" + name, store: store, options: options, now: now, &report)
            {
                found.append(topic)
            }
        }
        return (found, report)
    }

    private static func open(
        _ name: String, _ directory: String, store: LogStore, options: DataDirectoryOptions,
        now: Int64, _ report: inout RecoveryReport
    ) throws(LogError) -> Topic? {
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
        var partitions: [PartitionLog] = []
        for number in 0..<description.partitionCount {
            let (partition, found) = PartitionLog.recovered(
                topic: name, partition: Int32(number), directory: "\(directory)/\(number)",
                configuration: configuration, store: store, now: now)
            partitions.append(partition)
            report.partitions.append(found)
        }
        return Topic(
            name: name, id: description.id, directory: directory, partitions: partitions,
            configuration: configuration)
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
            return try rebuildDescription(name, directory, store, cause: error, &report)
        }
    }

    /// A topic whose topic.json is gone or damaged keeps its records: as many partitions as there
    /// are directories, the broker's defaults, a new id.
    private static func rebuildDescription(
        _ name: String, _ directory: String, _ store: LogStore, cause: LogError,
        _ report: inout RecoveryReport
    ) throws(LogError) -> TopicDescription? {
        do throws(SystemError) {
            let numbers = try store.disk.list(directory).compactMap { Int($0) }
            guard let last = numbers.max(), last >= 0 else {
                report.notes.append("topic \(name): \(cause); there are no partitions, left alone")
                return nil
            }
            let description = TopicDescription(
                id: .random(), partitionCount: last + 1, overrides: [:])
            try store.disk.replace(
                directory + "/" + TopicDescription.fileName, with: description.bytes,
                inDirectory: directory)
            report.notes.append(
                "topic \(name): \(cause); made anew with \(last + 1) partitions and defaults")
            store.logger?.error("topic.json made anew", ["topic": name, "cause": "\(cause)"])
            return description
        } catch {
            throw LogError(error)
        }
    }
}
