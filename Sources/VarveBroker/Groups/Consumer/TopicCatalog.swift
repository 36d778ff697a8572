package import VarvePlatform
internal import VarveLog

/// A topic as an assignment sees it.
package struct CatalogTopic: Hashable, Sendable {
    package let id: UniqueID
    package let partitionCount: Int32

    package init(id: UniqueID, partitionCount: Int32) {
        self.id = id
        self.partitionCount = partitionCount
    }
}

/// The topics there are, at one moment.
package struct TopicCatalog: Sendable {
    /// Another number where anything differs from an earlier catalog of this process.
    package let version: UInt64
    package let topics: [String: CatalogTopic]
    /// The names that regular expressions are matched against: internal topics never match.
    package let names: [String]

    package init(version: UInt64, topics: [String: CatalogTopic]) {
        self.version = version
        self.topics = topics
        names = topics.keys.filter { !BrokerState.isInternal($0) }.sorted()
    }
}

/// The latest catalog, so that heartbeats share one look at the directory of topics.
struct TopicCatalogCache {
    private var latest = TopicCatalog(version: 0, topics: [:])
    /// When it was made, in monotonic milliseconds.
    private var madeAt: Int64?

    /// How old it may be for heartbeats that ask for nothing new. That is how late, at the most,
    /// a group sees a topic come, grow or go at its next heartbeat.
    static let ageMax: Int64 = 1000
    /// The same for members that join or subscribe anew.
    static let ageMaxOfSubscriptions: Int64 = 50

    /// A catalog not older than `ageMax` milliseconds, and with those of `names` that there are.
    mutating func catalog(
        of directory: DataDirectory, now: Int64, ageMax: Int64, names: [String]
    ) -> TopicCatalog {
        let isMissing = names.contains { name in
            latest.topics[name] == nil && directory.topic(name) != nil
        }
        if let madeAt, !isMissing, now - madeAt <= ageMax { return latest }
        var topics: [String: CatalogTopic] = [:]
        for topic in directory.topics {
            topics[topic.name] = CatalogTopic(
                id: topic.id, partitionCount: Int32(clamping: topic.partitions.count))
        }
        madeAt = now
        if topics != latest.topics {
            latest = TopicCatalog(version: latest.version + 1, topics: topics)
        }
        return latest
    }
}
