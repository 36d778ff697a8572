/// The `sink` of type `archive`: NDJSON files in LZ4 frames.
package struct ArchiveConfiguration: Decodable, Sendable {
    /// Where the topics' directories stand; made where there is none.
    package var directory: String

    package init(directory: String) { self.directory = directory }

    private enum Key: String, CodingKey, CaseIterable { case type, directory }

    package init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        directory = try keys.decode(String.self, forKey: .directory)
        guard !directory.isEmpty else { throw keys.failure(.directory, "is empty") }
        directory = decoder.resolved(directory)
    }
}
