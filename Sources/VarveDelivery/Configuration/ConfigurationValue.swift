internal import VarvePlatform

/// Any JSON value that stands in the configuration, to be put into events.
package indirect enum ConfigurationValue: Decodable, Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([ConfigurationValue])
    case object([String: ConfigurationValue])

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([ConfigurationValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: ConfigurationValue].self))
        }
    }

    /// The value as an event's field.
    var node: JSONNode {
        var out = ByteWriter()
        write(to: &out)
        return .literal(out.finish())
    }

    /// A scalar as the text that fields are compared with; nil for null, arrays and objects.
    package var text: String? {
        switch self {
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): "\(value)"
        case .string(let value): value
        case .null, .array, .object: nil
        }
    }

    private func write(to out: inout ByteWriter) {
        switch self {
        case .null: out.utf8("null")
        case .bool(let value): out.utf8(value ? "true" : "false")
        case .integer(let value): out.utf8(String(value))
        // JSON knows no infinity and no NaN, which JSON5 does.
        case .number(let value): out.utf8(value.isFinite ? "\(value)" : "null")
        case .string(let value): out.jsonString(value)
        case .array(let values):
            out.utf8("[")
            for (index, value) in values.enumerated() {
                if index > 0 { out.utf8(",") }
                value.write(to: &out)
            }
            out.utf8("]")
        case .object(let members):
            out.utf8("{")
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { out.utf8(",") }
                out.jsonString(member.key)
                out.utf8(":")
                member.value.write(to: &out)
            }
            out.utf8("}")
        }
    }
}
