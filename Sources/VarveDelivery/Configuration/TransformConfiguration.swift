/// One entry of a worker's `transforms`, told apart by its `type`.
package struct TransformConfiguration: Decodable, Sendable {
    package let type: String
    package let transform: any Transform

    /// The names that `type` may have.
    package static let types = ["parse", "rename", "add", "remove", "ecs", "drop", "locality"]

    private enum Key: String, CodingKey { case type }

    package init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: Key.self)
        type = try keys.decode(String.self, forKey: .type)
        transform =
            switch type {
            case "parse": try ParseTransform(from: decoder)
            case "rename": try RenameTransform(from: decoder)
            case "add": try AddTransform(from: decoder)
            case "remove": try RemoveTransform(from: decoder)
            case "ecs": try ECSTransform(from: decoder)
            case "drop": try DropTransform(from: decoder)
            case "locality": try LocalityTransform(from: decoder)
            default:
                throw keys.failure(
                    .type,
                    "unknown type '\(type)'; it is one of \(Self.types.joined(separator: ", "))")
            }
    }
}
