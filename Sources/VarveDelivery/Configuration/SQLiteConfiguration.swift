/// The `sink` of type `sqlite`: the embedded search index.
package struct SQLiteConfiguration: Decodable, Sendable {
    /// The database file; made where there is none, its directory must exist or can be made.
    package var path: String

    package init(path: String) { self.path = path }

    private enum Key: String, CodingKey, CaseIterable { case type, path }

    package init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        path = try keys.decode(String.self, forKey: .path)
        guard !path.isEmpty else { throw keys.failure(.path, "is empty") }
        path = decoder.resolved(path)
    }
}
