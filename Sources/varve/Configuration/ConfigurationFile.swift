internal import FoundationEssentials
internal import VarveBroker
internal import VarveDelivery
internal import VarvePlatform

extension Configuration {
    /// The name looked for in the working directory when `--config` is not given.
    package static let defaultName = "varve.json"

    /// The file as it stands, before paths are resolved and defaults filled in.
    private struct File: Decodable {
        var dataDirectory: String?
        var listen: [String]?
        var advertised: String?
        var http: String
        var settings: [String: String]
        var tls: ClientTLS?
        var topics: [TopicDeclaration]?
        var workers: [WorkerConfiguration]?

        private enum Keys: String, CodingKey, CaseIterable {
            case dataDirectory, listen, advertised, http, settings, tls, topics, workers
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.strictContainer(keyedBy: Keys.self)
            dataDirectory = try container.decodeIfPresent(String.self, forKey: .dataDirectory)
            if container.contains(.listen) {
                // One address is the usual case and needs no brackets.
                if let one = try? container.decode(String.self, forKey: .listen) {
                    listen = [one]
                } else {
                    listen = try container.decode([String].self, forKey: .listen)
                }
            }
            if let several = try? container.decode([String].self, forKey: .advertised) {
                advertised = several.joined(separator: ",")
            } else {
                advertised = try container.decodeIfPresent(String.self, forKey: .advertised)
            }
            http =
                container.contains(.http)
                ? try container.decodeIfPresent(String.self, forKey: .http) ?? ""
                : "127.0.0.1:9644"
            settings = try container.settings(.settings)
            for name in ["ssl.keystore.location", "ssl.truststore.location"] {
                if let path = settings[name] { settings[name] = decoder.resolved(path) }
            }
            tls = try container.decodeIfPresent(ClientTLS.self, forKey: .tls)
            topics = try container.decodeIfPresent([TopicDeclaration].self, forKey: .topics)
            workers = try container.decodeIfPresent([WorkerConfiguration].self, forKey: .workers)
        }
    }

    /// Reads and checks the file at `path`. Every mistake is a usage error that names the file,
    /// the place in it, and where it helps the nearest right word.
    package static func load(_ path: String) throws(CommandError) -> Configuration {
        let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
        let text: ByteSlice
        do throws(SystemError) {
            text = try StandardStreams.readAll(absolute)
        } catch {
            throw .usage(
                error.isMissing
                    ? "there is no configuration file \(path): varve init writes one"
                    : "cannot read \(path): \(error.reason)")
        }
        return try parse(text.withUnsafeBytes { Data($0) }, path: absolute)
    }

    /// Checks the contents of a file that stands at the absolute `path`.
    static func parse(_ data: Data, path: String) throws(CommandError) -> Configuration {
        let decoder = JSONDecoder()
        decoder.allowsJSON5 = true
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent()
        decoder.userInfo[.configurationDirectory] = directory.path
        let file: File
        do {
            file = try decoder.decode(File.self, from: data)
        } catch {
            // The decoder does not say where.
            if case DecodingError.dataCorrupted(let context) = error, context.codingPath.isEmpty,
                let mistake = JSON5Syntax.mistake(in: String(decoding: data, as: UTF8.self))
            {
                throw .usage("\(path), \(mistake)")
            }
            throw .usage("\(path): \(ConfigurationError(error))")
        }
        let listen = file.listen ?? ["127.0.0.1:9092"]
        let configuration = Configuration(
            path: path,
            dataDirectory: URL(
                fileURLWithPath: file.dataDirectory ?? "varve-data", relativeTo: directory
            ).standardizedFileURL.path,
            listen: listen, listeners: try listeners(listen, path), advertised: file.advertised,
            http: file.http.isEmpty ? nil : file.http, settings: file.settings, tls: file.tls,
            topics: file.topics ?? [],
            workers: file.workers ?? [])
        try configuration.check()
        return configuration
    }

    private static func listeners(
        _ listen: [String], _ path: String
    ) throws(CommandError) -> [ListenerAddress] {
        var found: [ListenerAddress] = []
        for text in listen {
            do throws(BrokerError) { found.append(try ListenerAddress(text)) } catch {
                throw .usage(
                    "\(path): listen: \"\(text)\" is not HOST:PORT or SSL://HOST:PORT")
            }
        }
        return found
    }

    /// What the types alone do not say.
    private func check() throws(CommandError) {
        func refuse(_ place: String, _ reason: String) -> CommandError {
            .usage("\(path): \(place): \(reason)")
        }
        if listen.isEmpty { throw refuse("listen", "needs at least one HOST:PORT") }
        let addresses =
            [("http", http)].compactMap { place, text in text.map { (place, $0) } }
        for (place, text) in addresses {
            guard Endpoint(text) != nil else {
                throw refuse(place, "\"\(text)\" is not HOST:PORT")
            }
        }
        do throws(BrokerError) {
            _ = try AdvertisedAddresses(advertised, listeners: listeners)
        } catch {
            throw refuse("advertised", "\(error)")
        }
        for (place, names) in [("topics", topics.map(\.name)), ("workers", workers.map(\.name))] {
            var seen: Set<String> = []
            for name in names where !seen.insert(name).inserted {
                throw refuse(place, "\"\(name)\" is there twice")
            }
        }
    }
}

extension Arguments {
    /// The configuration that `--config` names, or ./varve.json.
    package func configuration() throws(CommandError) -> Configuration {
        try Configuration.load(string(.config) ?? Configuration.defaultName)
    }

    /// The same, but nil when `--config` is not given and there is no ./varve.json.
    package func configurationIfAny() throws(CommandError) -> Configuration? {
        if has(.config) || FileManager.default.fileExists(atPath: Configuration.defaultName) {
            return try configuration()
        }
        return nil
    }
}
