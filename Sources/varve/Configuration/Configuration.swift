internal import FoundationEssentials
internal import VarveBroker
package import VarveDelivery
internal import VarvePlatform

/// A topic that `varve up` creates when it is not there.
package struct TopicDeclaration: Decodable, Equatable, Sendable {
    package let name: String
    /// 1 or more; the broker's `num.partitions` where nil.
    package let partitions: Int?
    /// Kafka's names and values.
    package let config: [String: String]

    private enum Keys: String, CodingKey, CaseIterable { case name, partitions, config }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.strictContainer(keyedBy: Keys.self)
        name = try container.decode(String.self, forKey: .name)
        partitions =
            container.contains(.partitions)
            ? try container.number(.partitions, default: 1, in: 1...100_000) : nil
        config = try container.settings(.config)
    }
}

extension KeyedDecodingContainer {
    /// An object of Kafka's settings; numbers and booleans count as the text that Kafka has for
    /// them. Empty where the key is absent.
    func settings(_ key: Key) throws -> [String: String] {
        let values = try decodeIfPresent([String: ConfigurationValue].self, forKey: key) ?? [:]
        var result: [String: String] = [:]
        for (name, value) in values {
            guard let text = value.text else {
                throw failure(key, "\"\(name)\" must be a string, a number, true or false")
            }
            result[name] = text
        }
        return result
    }
}

/// `varve.json`: JSON5 (comments, single quotes and trailing commas are fine), read strictly.
package struct Configuration: Sendable {
    /// The file it came from, as an absolute path.
    package let path: String
    /// Absolute; relative paths in the file count from the file's own directory.
    package let dataDirectory: String
    /// Where the Kafka protocol is served; at least one.
    package let listen: [String]
    /// `listen`, read.
    let listeners: [ListenerAddress]
    /// What clients are told to connect to, where that is not what `listen` says.
    package let advertised: String?
    /// Where metrics, health and status are served; nil (`http: null` or `""`) for nowhere.
    package let http: String?
    /// Broker settings by Kafka's names.
    package let settings: [String: String]
    /// How workers and commands make TLS with a broker that wants it.
    package let tls: ClientTLS?
    package let topics: [TopicDeclaration]
    package let workers: [WorkerConfiguration]

    /// The directory of the file: relative paths count from here.
    package var directory: String {
        URL(fileURLWithPath: path).deletingLastPathComponent().path
    }

    package func worker(_ name: String) throws(CommandError) -> WorkerConfiguration {
        guard let worker = workers.first(where: { $0.name == name }) else {
            let names = workers.map(\.name)
            throw .usage(
                "\(path) has no worker \"\(name)\"" + NearestName.hint(name, in: names)
                    + (names.isEmpty
                        ? "; it has no workers" : "; it has \(names.joined(separator: ", "))"))
        }
        return worker
    }
}
