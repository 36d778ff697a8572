internal import VarvePlatform

/// A topic to be made.
package struct NewTopic: Sendable {
    package let name: String
    package let partitions: Int
    /// What it sets itself, by Kafka's names.
    package let overrides: [String: String]

    package init(name: String, partitions: Int, overrides: [String: String] = [:]) {
        self.name = name
        self.partitions = partitions
        self.overrides = overrides
    }
}

/// Topics made together: each is prepared aside with syncs of its own, side by side, and then all
/// get their names with one sync of the directory they are in.
extension TopicDirectory {
    /// A topic that has passed every check.
    struct Plan: Sendable {
        let name: String
        let partitions: Int
        let configuration: TopicConfiguration
    }

    /// Makes `plans`; each is durable on return, or there is no such topic. (After a failed sync
    /// of `topics`, `.io`, nobody can say what the disk has: the next start may find them.)
    /// - Parameter isStopping: asked between topics and partitions; what is not prepared by then
    ///   fails with `.closed`, and what was left aside goes at the next start.
    static func create(
        _ plans: [Plan], in topics: String, store: LogStore, workers: Int,
        isStopping: @escaping @Sendable () -> Bool
    ) -> [Result<Topic, LogError>] {
        let prepared = Workers.map(plans.count, threads: workers) {
            index -> Result<TopicDescription, LogError> in
            do throws(LogError) {
                return .success(
                    try prepare(plans[index], in: topics, store: store, isStopping: isStopping))
            } catch {
                return .failure(error)
            }
        }
        var outcomes: [Result<Topic, LogError>] = []
        var named: [Int] = []
        for (index, plan) in plans.enumerated() {
            do throws(LogError) {
                let description = try prepared[index].get()
                try rename(aside(plan, topics), to: topics + "/" + plan.name, store)
                named.append(index)
                outcomes.append(
                    .success(
                        topic(
                            plan.name, description, plan.configuration, topics + "/" + plan.name,
                            store)))
            } catch {
                outcomes.append(.failure(error))
            }
        }
        guard !named.isEmpty else { return outcomes }
        do throws(SystemError) {
            try store.disk.syncDirectory(topics)
        } catch {
            for index in named {
                takeBack(plans[index], in: topics, store)
                outcomes[index] = .failure(LogError(error))
            }
        }
        return outcomes
    }

    private static func aside(_ plan: Plan, _ topics: String) -> String {
        topics + "/" + plan.name + "~new"
    }

    /// Everything a topic needs, durable, under a name that a start removes.
    private static func prepare(
        _ plan: Plan, in topics: String, store: LogStore, isStopping: () -> Bool
    ) throws(LogError) -> TopicDescription {
        if isStopping() { throw .closed }
        let aside = aside(plan, topics)
        let description = TopicDescription(
            id: .random(), partitionCount: plan.partitions,
            overrides: plan.configuration.overrides)
        do throws(SystemError) {
            try removeTree(aside, store.disk)
            try store.disk.createDirectory(aside)
        } catch {
            throw LogError(error)
        }
        try makePartitions(0..<plan.partitions, in: aside, store.disk, isStopping: isStopping)
        try write(description, in: aside, store.disk)
        return description
    }

    private static func rename(
        _ from: String, to: String, _ store: LogStore
    ) throws(LogError) {
        do throws(SystemError) {
            try store.disk.rename(from, to: to)
        } catch {
            throw LogError(error)
        }
    }

    /// Whether the name is durable is not known; take it back where that still goes.
    private static func takeBack(_ plan: Plan, in topics: String, _ store: LogStore) {
        do throws(SystemError) {
            try store.disk.rename(topics + "/" + plan.name, to: aside(plan, topics))
        } catch {
            store.logger?.warning(
                "topic left half made", ["topic": plan.name, "cause": error])
        }
    }
}
