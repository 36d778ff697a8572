package import VarvePlatform

/// A question about one event, as it stands in the configuration.
///
///     { field: "event.code", equals: 4658 }            also in: […], contains, startsWith,
///     { field: "source.ip", cidr: ["10.0.0.0/8"] }     endsWith, exists: true or false
///     { topic: "zeek" }
///     { all: […] }   { any: […] }   { not: {…} }
///
/// Numbers and booleans are compared as they are written; a field with an array holds when one of
/// its elements does.
package indirect enum Condition: Decodable, Sendable {
    case equals(FieldPath, [String])
    case contains(FieldPath, String)
    case startsWith(FieldPath, String)
    case endsWith(FieldPath, String)
    case exists(FieldPath, Bool)
    case cidr(FieldPath, NetworkList)
    case topic(String)
    case all([Condition])
    case any([Condition])
    case not(Condition)

    fileprivate enum Key: String, CodingKey, CaseIterable {
        case field, equals, `in`, contains, startsWith, endsWith, exists, cidr, topic, all, any, not
    }

    package init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        let questions = keys.allKeys.filter { $0 != .field }
        guard questions.count == 1, let question = questions.first else {
            throw ConfigurationError(
                at: decoder.codingPath,
                "a condition asks exactly one of "
                    + Key.allCases.dropFirst().map(\.rawValue).joined(separator: ", "))
        }
        func field() throws -> FieldPath { FieldPath(try keys.decode(String.self, forKey: .field)) }
        func text() throws -> String { try keys.decode(String.self, forKey: question) }
        switch question {
        case .field: preconditionFailure("filtered out above")
        case .equals:
            let value = try keys.decode(ConfigurationValue.self, forKey: .equals)
            guard let text = value.text else {
                throw keys.failure(.equals, "must be a string, a number, true or false")
            }
            self = .equals(try field(), [text])
        case .in:
            let values = try keys.decode([ConfigurationValue].self, forKey: .in)
            self = .equals(try field(), values.compactMap(\.text))
        case .contains: self = .contains(try field(), try text())
        case .startsWith: self = .startsWith(try field(), try text())
        case .endsWith: self = .endsWith(try field(), try text())
        case .exists: self = .exists(try field(), try keys.decode(Bool.self, forKey: .exists))
        case .cidr:
            self = .cidr(try field(), try keys.decode(NetworkList.self, forKey: .cidr))
        case .topic: self = .topic(try text())
        case .all: self = .all(try keys.decode([Condition].self, forKey: .all))
        case .any: self = .any(try keys.decode([Condition].self, forKey: .any))
        case .not: self = .not(try keys.decode(Condition.self, forKey: .not))
        }
        guard keys.contains(.field) == (question.needsField) else {
            throw keys.failure(.field, question.needsField ? "missing" : "has no place here")
        }
    }

    package func holds(for document: EventDocument) -> Bool {
        func anyText(_ path: FieldPath, _ test: (String) -> Bool) -> Bool {
            document.object.field(path)?.texts.contains(where: test) ?? false
        }
        switch self {
        case .equals(let path, let values): return anyText(path) { values.contains($0) }
        case .contains(let path, let part): return anyText(path) { $0.contains(part) }
        case .startsWith(let path, let start): return anyText(path) { $0.hasPrefix(start) }
        case .endsWith(let path, let end): return anyText(path) { $0.hasSuffix(end) }
        case .exists(let path, let wanted):
            return (document.object.field(path) != nil) == wanted
        case .cidr(let path, let networks):
            return anyText(path) { IPAddress($0).map(networks.contains) ?? false }
        case .topic(let topic): return document.event.topic == topic
        case .all(let conditions): return conditions.allSatisfy { $0.holds(for: document) }
        case .any(let conditions): return conditions.contains { $0.holds(for: document) }
        case .not(let condition): return !condition.holds(for: document)
        }
    }
}

extension Condition.Key {
    fileprivate var needsField: Bool {
        switch self {
        case .topic, .all, .any, .not: false
        default: true
        }
    }
}
