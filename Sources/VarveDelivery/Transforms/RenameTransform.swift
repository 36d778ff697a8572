internal import VarvePlatform

/// Moves fields: `{ type: "rename", fields: { "client": "source.ip" } }`.
///
/// A missing field is passed over. A field that stands at the new place already is replaced.
/// The entries are applied in the order of their old names.
package struct RenameTransform: Transform {
    let moves: [(from: FieldPath, to: FieldPath)]

    package init(_ fields: [String: String]) {
        moves = fields.sorted { $0.key < $1.key }.map { (FieldPath($0.key), FieldPath($0.value)) }
    }

    private enum Key: String, CodingKey, CaseIterable { case type, fields }

    init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        self.init(try keys.decode([String: String].self, forKey: .fields))
    }

    package func apply(_ document: inout EventDocument) throws(TransformError) -> TransformOutcome {
        for (from, to) in moves {
            guard from != to, let value = document.object.remove(from) else { continue }
            guard document.object.set(to, to: value) else {
                throw TransformError("rename \(from): a value on the way to \(to) is no object")
            }
        }
        return .keep
    }
}
