internal import VarvePlatform

/// The files of topics: made, deleted and found so that a crash leaves the old state or the new.
///
/// A topic is made in a directory named `<topic>~new` and renamed when everything in it is
/// durable; it is deleted by renaming it `<topic>~deleted~<id>`. Topic names cannot hold a `~`, so
/// what a crash left of either is plain to see, and removed at the next start.
enum TopicDirectory {
    static func topic(
        _ name: String, _ description: TopicDescription, _ configuration: TopicConfiguration,
        _ directory: String, _ store: LogStore
    ) -> Topic {
        let store = store.forTopic(name, description.id)
        var partitions: [PartitionLog] = []
        for number in 0..<description.partitionCount {
            partitions.append(
                PartitionLog.empty(
                    topic: name, partition: Int32(number), directory: "\(directory)/\(number)",
                    configuration: configuration, store: store))
        }
        return Topic(
            name: name, id: description.id, directory: directory, store: store,
            partitions: partitions, configuration: configuration)
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

    /// Makes partitions' directories; their names are not durable yet.
    /// - Throws: `.closed` when `isStopping` between two of them; `.full`, `.io`.
    static func makePartitions(
        _ numbers: Range<Int>, in directory: String, _ disk: any Disk,
        isStopping: () -> Bool
    ) throws(LogError) {
        for number in numbers {
            if isStopping() { throw .closed }
            do throws(SystemError) {
                try disk.createDirectory("\(directory)/\(number)")
            } catch {
                throw LogError(error)
            }
        }
    }

    static func addPartitions(
        _ topic: Topic, total: Int, store: LogStore, isStopping: () -> Bool
    ) throws(LogError) {
        let first = topic.partitions.count
        // Directories without a partition are no harm: topic.json says how many there are.
        try makePartitions(
            first..<total, in: topic.directory, store.disk, isStopping: isStopping)
        do throws(SystemError) {
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
                    configuration: topic.configuration, store: topic.store))
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
        for partition in topic.partitions { partition.expectDeletion(true) }
        do throws(SystemError) {
            try store.disk.rename(topic.directory, to: deletedPath(topic, in: topics))
        } catch {
            for partition in topic.partitions { partition.expectDeletion(false) }
            throw LogError(error)
        }
        do throws(SystemError) {
            try store.disk.syncDirectory(topics)
        } catch {
            for partition in topic.partitions {
                partition.expectDeletion(false)
                partition.poison(.io(error))
            }
            throw LogError(error)
        }
    }

    /// Removes the files of a topic that `markDeleted` put aside. What cannot be removed now, or
    /// is left when `isStopping`, goes at the next start.
    static func removeDeleted(
        _ topic: Topic, in topics: String, store: LogStore, isStopping: () -> Bool
    ) {
        do throws(SystemError) {
            let path = deletedPath(topic, in: topics)
            for number in 0..<topic.partitions.count {
                if isStopping() { return }
                try removeTree("\(path)/\(number)", store.disk)
            }
            try removeTree(path, store.disk)
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
}
