extension BrokerSettings {
    private static let milliseconds: ClosedRange<Int64> = 1...Int64(Int32.max)

    /// The settings of the consumer protocol (KIP-848), with Kafka's defaults.
    static let consumerGroups: [SettingDefinition] = [
        .init(
            "group.consumer.session.timeout.ms", .int(milliseconds), "45000",
            "A consumer group's member that is silent for so long is fenced, and the others get "
                + "its partitions."),
        .init(
            "group.consumer.min.session.timeout.ms", .int(milliseconds), "45000",
            "The least that group.consumer.session.timeout.ms may be."),
        .init(
            "group.consumer.max.session.timeout.ms", .int(milliseconds), "60000",
            "The most that group.consumer.session.timeout.ms may be."),
        .init(
            "group.consumer.heartbeat.interval.ms", .int(milliseconds), "5000",
            "How often the members of consumer groups are to beat. A rebalance takes some beats."),
        .init(
            "group.consumer.min.heartbeat.interval.ms", .int(milliseconds), "5000",
            "The least that group.consumer.heartbeat.interval.ms may be."),
        .init(
            "group.consumer.max.heartbeat.interval.ms", .int(milliseconds), "15000",
            "The most that group.consumer.heartbeat.interval.ms may be."),
        .init(
            "group.consumer.max.size", .int(milliseconds), "2147483647",
            "Members a consumer group may have at once."),
        .init(
            "group.consumer.assignors", .list, "uniform,range",
            "The ways that members of consumer groups may choose from to have partitions shared "
                + "out; the first is for those that do not choose."),
        .init(
            "group.consumer.migration.policy",
            .choice(GroupMigrationPolicy.allCases.map(\.rawValue)), "bidirectional",
            "Whether a group with members goes over to the other protocol: upgrade, when the first "
                + "member of the consumer protocol joins it; downgrade, when the last one leaves "
                + "members of the classic protocol behind; both, bidirectional; or disabled."),
    ]

    /// What is wrong with these settings together; nil when nothing is.
    func consumerGroupProblem() -> (name: String, reason: String)? {
        for (name, least, most) in [
            (
                "group.consumer.session.timeout.ms", "group.consumer.min.session.timeout.ms",
                "group.consumer.max.session.timeout.ms"
            ),
            (
                "group.consumer.heartbeat.interval.ms", "group.consumer.min.heartbeat.interval.ms",
                "group.consumer.max.heartbeat.interval.ms"
            ),
        ] {
            let value = integer(name)
            if value < integer(least) {
                return (name, "\(value) is less than \(least), \(integer(least))")
            }
            if value > integer(most) {
                return (name, "\(value) is more than \(most), \(integer(most))")
            }
        }
        let name = "group.consumer.assignors"
        let words = self.words(name)
        if words.isEmpty { return (name, "expected one at least") }
        for word in words where Assignor(rawValue: word) == nil {
            let known = Assignor.allCases.map(\.rawValue).joined(separator: ", ")
            return (name, "expected some of \(known), not \"\(word)\"")
        }
        return nil
    }

    /// The words of a list.
    func words(_ name: String) -> [String] {
        value(of: name).split(separator: ",").map {
            String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }.filter { !$0.isEmpty }
    }
}
