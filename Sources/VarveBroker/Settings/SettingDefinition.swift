/// One broker setting: its name (Kafka's own wherever the thing is Kafka's), type, bounds,
/// default and meaning. The table of them is `BrokerSettings.definitions`.
package struct SettingDefinition: Sendable {
    package enum Kind: Equatable, Sendable {
        case boolean
        /// A whole number; `int` is a 32-bit one in Kafka's tools.
        case int(ClosedRange<Int64>)
        case long(ClosedRange<Int64>)
        /// A number with a fraction.
        case double(ClosedRange<Double>)
        case string
        /// One of these words.
        case choice([String])
        /// Comma-separated words.
        case list
        /// A secret, never shown.
        case password
    }

    /// Whether the value is never shown, in answers or anywhere else.
    package var isSensitive: Bool { kind == .password }

    package let name: String
    package let kind: Kind
    /// As text; empty where there is none and its absence means something of its own.
    package let defaultValue: String
    /// One or two sentences with units.
    package let documentation: String

    package init(_ name: String, _ kind: Kind, _ defaultValue: String, _ documentation: String) {
        self.name = name
        self.kind = kind
        self.defaultValue = defaultValue
        self.documentation = documentation
    }

    /// What is wrong with `value` for this setting; nil when nothing is.
    package func problem(with value: String) -> String? {
        switch kind {
        case .boolean:
            return ["true", "false"].contains(value) ? nil : "expected true or false"
        case .int(let range), .long(let range):
            guard let number = Int64(value) else { return "expected a whole number" }
            return range.contains(number)
                ? nil : "must be \(range.lowerBound) to \(range.upperBound)"
        case .double(let range):
            guard let number = Double(value) else { return "expected a number" }
            return range.contains(number)
                ? nil : "must be \(range.lowerBound) to \(range.upperBound)"
        case .choice(let words):
            return words.contains(value)
                ? nil : "expected one of " + words.joined(separator: ", ")
        case .string, .list, .password:
            return nil
        }
    }
}
