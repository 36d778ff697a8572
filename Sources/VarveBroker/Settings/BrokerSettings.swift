/// The broker's settings, checked: what `--set`, varve.json and DescribeConfigs speak of.
package struct BrokerSettings: Sendable {
    /// What was set, by name; everything else has its default.
    package let overrides: [String: String]

    /// Takes `overrides` by name.
    /// - Throws: `.badSetting` for a name that is none, with the nearest that is one, and for a
    ///   value that does not parse or is out of its bounds.
    package init(_ overrides: [String: String] = [:]) throws(BrokerError) {
        for (name, value) in overrides.sorted(by: { $0.key < $1.key }) {
            guard let definition = Self.byName[name] else {
                throw .badSetting(name: name, reason: "there is no such setting" + Self.hint(name))
            }
            if let problem = definition.problem(with: value) {
                throw .badSetting(name: name, reason: "\(problem), not \"\(value)\"")
            }
        }
        self.overrides = overrides
    }

    /// The value in force of the setting `name`, as text. Traps for a name that is none.
    package func value(of name: String) -> String {
        guard let definition = Self.byName[name] else {
            preconditionFailure("no setting \(name)")
        }
        return overrides[name] ?? definition.defaultValue
    }

    /// The value in force of a whole-number setting. Traps when it is none.
    package func integer(_ name: String) -> Int64 {
        guard let number = Int64(value(of: name)) else {
            preconditionFailure("\(name) is no number")
        }
        return number
    }

    package func int(_ name: String) -> Int { Int(integer(name)) }

    package func boolean(_ name: String) -> Bool { value(of: name) == "true" }

    /// Whether `name` is set, rather than at its default.
    package func isSet(_ name: String) -> Bool { overrides[name] != nil }

    static let byName = Dictionary(uniqueKeysWithValues: definitions.map { ($0.name, $0) })

    /// The setting whose name is nearest to a wrong one, for the error's text.
    private static func hint(_ name: String) -> String {
        let words = Set(name.split(separator: "."))
        let best = definitions.max { left, right in
            words.intersection(left.name.split(separator: ".")).count
                < words.intersection(right.name.split(separator: ".")).count
        }
        guard let best, !words.isDisjoint(with: best.name.split(separator: ".")) else { return "" }
        return "; is \(best.name) meant?"
    }
}
