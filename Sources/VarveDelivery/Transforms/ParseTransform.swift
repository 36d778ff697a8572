package import VarvePlatform

/// Takes the JSON text inside a field apart: `{ type: "parse", field: "message" }`.
///
/// The members of the text's object become members of the event, or of the object `target`.
/// Members that the event has already stay as they are. The field itself goes unless it was no
/// JSON object.
package struct ParseTransform: Transform {
    let field: FieldPath
    let target: FieldPath?
    /// Whether a field that is no JSON object makes a dead letter; else it stays as it is.
    let isRequired: Bool

    package init(field: FieldPath = "message", target: FieldPath? = nil, isRequired: Bool = false) {
        self.field = field
        self.target = target
        self.isRequired = isRequired
    }

    private enum Key: String, CodingKey, CaseIterable { case type, field, target, required }

    init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        field = FieldPath(try keys.text(.field, default: "message"))
        target = try keys.decodeIfPresent(String.self, forKey: .target).map { FieldPath($0) }
        isRequired = try keys.flag(.required, default: false)
    }

    package func apply(_ document: inout EventDocument) throws(TransformError) -> TransformOutcome {
        guard let text = document.object.field(field)?.stringBytes else {
            if isRequired { throw TransformError("parse: the event has no text in \(field)") }
            return .keep
        }
        let parsed: JSONValue
        do throws(JSONError) {
            parsed = try JSONDocument(text).root
        } catch {
            if isRequired { throw TransformError("parse: \(field): \(error)") }
            return .keep
        }
        guard parsed.kind == .object else {
            if isRequired { throw TransformError("parse: \(field) is no JSON object") }
            return .keep
        }
        document.object.remove(field)
        if let target {
            guard document.object.set(target, to: .value(parsed)) else {
                throw TransformError("parse: a value on the way to \(target) is no object")
            }
        } else {
            _ = document.object.merge(JSONObject(parsed))
        }
        return .keep
    }
}
