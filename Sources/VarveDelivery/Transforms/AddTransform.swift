internal import VarvePlatform

/// Adds fields: `{ type: "add", fields: { "event.module": "zeek", "labels.site": "north" } }`.
///
/// Strings are templates (`%{topic}`, `%{[host][name]}`, `%{+YYYY.MM.dd}`); one that the event
/// cannot fill adds nothing. Fields that are there already stay, unless `overwrite` is true.
package struct AddTransform: Transform {
    private enum Content: Sendable {
        case template(EventTemplate)
        case node(JSONNode)
    }

    private let additions: [(path: FieldPath, content: Content)]
    private let overwrites: Bool

    package init(
        _ fields: [String: ConfigurationValue], overwrite: Bool = false
    ) throws(TemplateProblem) {
        var additions: [(path: FieldPath, content: Content)] = []
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            if case .string(let text) = value {
                additions.append((FieldPath(name), .template(try EventTemplate(text))))
            } else {
                additions.append((FieldPath(name), .node(value.node)))
            }
        }
        self.additions = additions
        overwrites = overwrite
    }

    private enum Key: String, CodingKey, CaseIterable { case type, fields, overwrite }

    init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        do {
            try self.init(
                try keys.decode([String: ConfigurationValue].self, forKey: .fields),
                overwrite: try keys.flag(.overwrite, default: false))
        } catch let problem as TemplateProblem {
            throw keys.failure(.fields, problem.text)
        }
    }

    package func apply(_ document: inout EventDocument) throws(TransformError) -> TransformOutcome {
        for (path, content) in additions {
            guard overwrites || document.object.field(path) == nil else { continue }
            let node: JSONNode
            switch content {
            case .node(let value): node = value
            case .template(let template):
                guard let text = document.fill(template) else { continue }
                node = .string(text)
            }
            guard document.object.set(path, to: node) else {
                throw TransformError("add: a value on the way to \(path) is no object")
            }
        }
        return .keep
    }
}

extension EventDocument {
    /// The template's text for the event as it is now.
    func fill(_ template: EventTemplate) -> String? {
        template.fill(
            event, milliseconds: timestampMilliseconds, field: { object.field($0)?.text })
    }

    /// The time in `@timestamp`, else the record's.
    var timestampMilliseconds: Int64 {
        object.field(EventBody.timestampPath)?.text.flatMap { Timestamp.milliseconds($0) }
            ?? event.timestamp
    }
}
