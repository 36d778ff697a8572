/// The broker's settings, checked: what `--set`, varve.json and DescribeConfigs speak of.
package struct BrokerSettings: Sendable {
    /// What was set at the start, by name.
    package let overrides: [String: String]
    /// What was changed while the broker ran, by name, and goes before what was set at the start.
    private var changes: [ChangedFor: [String: String]] = [:]

    /// Whom a change is for.
    package enum ChangedFor: CaseIterable, Sendable {
        /// This broker; goes before what is for all.
        case thisBroker
        /// Every broker of a cluster that has but this one.
        case allBrokers
    }

    /// Takes `overrides` by name.
    /// - Throws: `.badSetting` for a name that is none, with the nearest that is one, and for a
    ///   value that does not parse or is out of its bounds.
    package init(_ overrides: [String: String] = [:]) throws(BrokerError) {
        try Self.check(overrides)
        self.overrides = overrides
        if let problem = consumerGroupProblem() {
            throw .badSetting(name: problem.name, reason: problem.reason)
        }
    }

    private static func check(_ values: [String: String]) throws(BrokerError) {
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            guard let definition = byName[name] else {
                throw .badSetting(name: name, reason: "there is no such setting" + hint(name))
            }
            if let problem = definition.problem(with: value) {
                throw .badSetting(name: name, reason: "\(problem), not \"\(value)\"")
            }
        }
    }

    /// The value in force of the setting `name`, as text. Traps for a name that is none.
    package func value(of name: String) -> String {
        guard let definition = Self.byName[name] else {
            preconditionFailure("no setting \(name)")
        }
        for layer in ChangedFor.allCases {
            if let value = changes[layer]?[name] { return value }
        }
        return overrides[name] ?? definition.defaultValue
    }

    /// What was changed for `layer`, by name.
    package func changes(for layer: ChangedFor) -> [String: String] { changes[layer] ?? [:] }

    /// These settings with `values`, and nothing else, changed for `layer`.
    /// - Throws: `.badSetting` for a name that is none, or that can only be given at the start,
    ///   and for a value that does not parse or is out of its bounds.
    package func changed(
        _ layer: ChangedFor, to values: [String: String]
    ) throws(BrokerError) -> BrokerSettings {
        try Self.check(values)
        for name in values.keys.sorted() where !Self.isChangeable(name) {
            throw .badSetting(name: name, reason: "it can only be given at the broker's start")
        }
        var settings = self
        settings.changes[layer] = values
        return settings
    }

    /// The value in force of a whole-number setting. Traps when it is none.
    package func integer(_ name: String) -> Int64 {
        guard let number = Int64(value(of: name)) else {
            preconditionFailure("\(name) is no number")
        }
        return number
    }

    package func int(_ name: String) -> Int { Int(integer(name)) }

    /// The value in force of a setting that is a number with a fraction. Traps when it is none.
    package func number(_ name: String) -> Double {
        guard let number = Double(value(of: name)) else {
            preconditionFailure("\(name) is no number")
        }
        return number
    }

    package func boolean(_ name: String) -> Bool { value(of: name) == "true" }

    /// Whether `name` is set, rather than at its default.
    package func isSet(_ name: String) -> Bool { source(of: name) != .standard }

    /// Where the value in force comes from.
    func source(of name: String) -> ConfigEntries.Source {
        if changes[.thisBroker]?[name] != nil { return .changedBroker }
        if changes[.allBrokers]?[name] != nil { return .changedForAll }
        return overrides[name] == nil ? .standard : .broker
    }

    /// Whether the setting can be changed while the broker runs.
    static func isChangeable(_ name: String) -> Bool { changeable.contains(name) }

    /// What topics take as their defaults, and what is looked up each time it counts.
    private static let changeable = Set(
        TopicDefaults.synonyms.flatMap { $0.settings.map(\.name) } + [
            "auto.create.topics.enable", "delete.topic.enable", "fetch.max.bytes",
            "num.partitions", "varve.log.quota.bytes", "varve.produce.check.compressed",
            "varve.replication.factor.clamp",
        ] + replicationThrottles.map(\.name))

    static let byName = Dictionary(uniqueKeysWithValues: definitions.map { ($0.name, $0) })

    /// The setting whose name is nearest to a wrong one, for the error's text.
    private static func hint(_ name: String) -> String {
        let best = definitions.map { ($0.name, distance($0.name, name)) }.min { $0.1 < $1.1 }
        guard let best, best.1 * 3 <= name.utf8.count else { return "" }
        return "; is \(best.0) meant?"
    }

    /// The least number of inserted, deleted and changed bytes between two texts (Levenshtein).
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (index, byte) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let change = diagonal + (right[column] == byte ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(change, min(row[column], row[column + 1]) + 1)
            }
        }
        return row[right.count]
    }
}
