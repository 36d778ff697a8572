internal import FoundationEssentials
internal import VarvePlatform

/// Says of addresses whether they are ours: `{ type: "locality", networks: ["10.0.0.0/8"] }`.
///
/// For each address field it adds `local` or `remote` beside the address, as `source.locality` for
/// `source.ip`. Where source and destination are both known it adds `network.direction` in ECS's
/// words for a perimeter: internal, outbound, inbound, external. `networks` may be left out (the
/// private address space is then ours) and be given in a file in Zeek's form, `networksFile`: a
/// network a line, with a description after it, `#` for comments. Fields that are there stay.
package struct LocalityTransform: Transform {
    private let networks: NetworkList
    private let fields: [(address: FieldPath, locality: FieldPath)]

    package static let fieldsDefault = ["source.ip", "destination.ip", "client.ip", "server.ip"]

    package init(networks: NetworkList, fields: [String] = LocalityTransform.fieldsDefault) {
        self.networks = networks
        self.fields = fields.map { field in
            let dotted = FieldPath(field).description
            let parent = dotted.lastIndex(of: ".").map { dotted[..<$0] }
            return (FieldPath(dotted), FieldPath((parent.map { $0 + "." } ?? "") + "locality"))
        }
    }

    private enum Key: String, CodingKey, CaseIterable { case type, networks, networksFile, fields }

    init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        let list = try keys.decodeIfPresent(NetworkList.self, forKey: .networks)
        let path = try keys.decodeIfPresent(String.self, forKey: .networksFile)
            .map { decoder.resolved($0) }
        guard list == nil || path == nil else {
            throw keys.failure(.networksFile, "only one of networks and networksFile may stand")
        }
        var networks = list ?? .privateUse
        if let path {
            let text: String
            do throws(SystemError) {
                text = try StandardStreams.readAll(path).string
            } catch {
                throw keys.failure(.networksFile, "cannot read \(path): \(error.reason)")
            }
            do throws(TransformError) {
                networks = try Self.networks(inZeekFile: text)
            } catch { throw keys.failure(.networksFile, "\(path): \(error)") }
        }
        self.init(
            networks: networks,
            fields: try keys.decodeIfPresent([String].self, forKey: .fields) ?? Self.fieldsDefault)
    }

    /// Reads Zeek's networks.cfg: `CIDR` and then a description, `#` starts a comment.
    static func networks(inZeekFile text: String) throws(TransformError) -> NetworkList {
        var result: [IPNetwork] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let content = line.prefix { $0 != "#" }
            guard let word = content.split(whereSeparator: \.isWhitespace).first else { continue }
            guard let network = IPNetwork(String(word)) else {
                throw TransformError("line \(index + 1): '\(word)' is no network")
            }
            result.append(network)
        }
        return NetworkList(result)
    }

    package func apply(_ document: inout EventDocument) throws(TransformError) -> TransformOutcome {
        for (address, locality) in fields {
            guard let isLocal = isLocal(address, document) else { continue }
            if document.object.field(locality) == nil {
                document.object.set(locality, to: isLocal ? "local" : "remote")
            }
        }
        if document.object.field("network.direction") == nil,
            let source = isLocal("source.ip", document),
            let destination = isLocal("destination.ip", document)
        {
            let direction =
                switch (source, destination) {
                case (true, true): "internal"
                case (true, false): "outbound"
                case (false, true): "inbound"
                case (false, false): "external"
                }
            document.object.set("network.direction", to: direction)
        }
        return .keep
    }

    private func isLocal(_ path: FieldPath, _ document: EventDocument) -> Bool? {
        guard let text = document.object.field(path)?.texts.first, let address = IPAddress(text)
        else { return nil }
        return networks.contains(address)
    }
}
