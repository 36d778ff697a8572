internal import VarvePlatform

/// Takes fields away: `{ type: "remove", fields: ["beat.version", "tags"] }`.
/// A missing one is passed over.
package struct RemoveTransform: Transform {
    let paths: [FieldPath]

    package init(_ fields: [String]) { paths = fields.map { FieldPath($0) } }

    private enum Key: String, CodingKey, CaseIterable { case type, fields }

    init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        self.init(try keys.decode([String].self, forKey: .fields))
    }

    package func apply(_ document: inout EventDocument) throws(TransformError) -> TransformOutcome {
        for path in paths { document.object.remove(path) }
        return .keep
    }
}
