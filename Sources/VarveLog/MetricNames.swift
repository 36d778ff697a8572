/// The names of topics as metrics have them, where a dot is an underscore: `a.b` and `a_b` would be
/// one there. Source: Kafka's `Topic.hasCollision`.
struct MetricNames {
    /// The topics of each such name: several where they are from before this was looked at.
    private var topics: [String: Set<String>] = [:]

    private static func metricName(_ topic: String) -> String {
        String(decoding: topic.utf8.map { $0 == 46 ? 95 : $0 }, as: UTF8.self)
    }

    mutating func insert(_ topic: String) {
        topics[Self.metricName(topic), default: []].insert(topic)
    }

    mutating func remove(_ topic: String) {
        let name = Self.metricName(topic)
        topics[name]?.remove(topic)
        if topics[name]?.isEmpty == true { topics[name] = nil }
    }

    /// A topic of another name that is one with `topic` in metrics; nil when there is none.
    func collision(with topic: String) -> String? {
        topics[Self.metricName(topic)]?.filter { $0 != topic }.min()
    }
}
