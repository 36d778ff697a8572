/// Leaves events out by configuration:
/// `{ type: "drop", if: { field: "event.code", in: ["4658"] } }`.
///
/// The log keeps them; only this worker's sink does not get them.
package struct DropTransform: Transform {
    let condition: Condition

    package init(if condition: Condition) { self.condition = condition }

    private enum Key: String, CodingKey, CaseIterable {
        case type
        case condition = "if"
    }

    init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        condition = try keys.decode(Condition.self, forKey: .condition)
    }

    package func apply(_ document: inout EventDocument) throws(TransformError) -> TransformOutcome {
        condition.holds(for: document) ? .drop : .keep
    }
}
