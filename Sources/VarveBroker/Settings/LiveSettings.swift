internal import Synchronization
internal import VarveLog
internal import VarvePlatform

/// The settings in force, and how they change while the broker runs. Thread-safe.
///
/// Changes are kept in the data directory's state file `settings`:
///
///     {"thisBroker": {"log.retention.ms": "3600000"}, "allBrokers": {}}
///
/// and go before what the broker is started with, as Kafka's dynamic configurations do (KIP-226).
final class LiveSettings: Sendable {
    static let fileName = "settings"

    private let current: Lock<BrokerSettings>
    /// Looked at by every Fetch: kept as a number.
    private let fetchBytes: Atomic<Int>
    private let directory: DataDirectory
    private let file: StateFile
    private let logger: Logger

    init(_ settings: BrokerSettings, directory: DataDirectory, logger: Logger) {
        current = Lock(settings)
        fetchBytes = Atomic(settings.int("fetch.max.bytes"))
        self.directory = directory
        file = directory.stateFile(Self.fileName)
        self.logger = logger
    }

    var settings: BrokerSettings { current.withLock { $0 } }
    var fetchBytesMax: Int { fetchBytes.load(ordering: .relaxed) }

    /// Takes up what earlier runs have changed. What this version does not take any more is left
    /// out and reported; a damaged file is set aside (I7) and reported.
    /// - Parameter now: wall clock, ms since 1970.
    func load(now: Int64) throws(LogError) {
        do throws(LogError) {
            guard let bytes = try file.read() else { return }
            var settings = settings
            for (layer, values) in try parse(bytes) {
                for (name, value) in values.sorted(by: { $0.key < $1.key }) {
                    settings = taking(name, value, for: layer, in: settings)
                }
            }
            do throws(BrokerError) {
                use(settings, try TopicDefaults.configuration(settings))
            } catch {
                logger.error("changed settings are not usable together", ["error": error])
            }
        } catch {
            guard case .corrupt = error else { throw error }
            let aside = try file.setAside(now: now)
            logger.error(
                "changed settings are damaged; those of the start are in force",
                ["error": error, "kept": aside])
        }
    }

    /// Changes `values`, and nothing else, for `layer`: checked, durable and in force on return.
    /// One caller at a time.
    /// - Parameter isTrial: check only.
    /// - Throws: `.badSetting`; `.disk` where it could not be kept. Nothing changed then.
    func change(
        _ layer: BrokerSettings.ChangedFor, to values: [String: String], isTrial: Bool
    ) throws(BrokerError) {
        let settings = try settings.changed(layer, to: values)
        let defaults = try TopicDefaults.configuration(settings)
        guard !isTrial else { return }
        do throws(LogError) {
            try file.replace(with: Self.bytes(of: settings))
        } catch {
            throw .disk("\(error)")
        }
        use(settings, defaults)
        logger.info(
            "settings changed", ["names": values.keys.sorted().joined(separator: ", ")])
    }

    private func use(_ settings: BrokerSettings, _ defaults: TopicConfiguration) {
        let before = self.settings
        current.withLock { $0 = settings }
        fetchBytes.store(settings.int("fetch.max.bytes"), ordering: .relaxed)
        let quota = settings.integer("varve.log.quota.bytes")
        if quota != before.integer("varve.log.quota.bytes") {
            directory.setQuota(quota < 0 ? nil : quota)
        }
        // Goes through all partitions, so only where it has to.
        if defaults != directory.topicDefaults { directory.setTopicDefaults(defaults) }
    }

    private func taking(
        _ name: String, _ value: String, for layer: BrokerSettings.ChangedFor,
        in settings: BrokerSettings
    ) -> BrokerSettings {
        var values = settings.changes(for: layer)
        values[name] = value
        do throws(BrokerError) {
            return try settings.changed(layer, to: values)
        } catch {
            logger.error("a changed setting is not usable", ["name": name, "error": error])
            return settings
        }
    }

    private func parse(
        _ bytes: ByteSlice
    ) throws(LogError) -> [(BrokerSettings.ChangedFor, [String: String])] {
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: bytes)
        } catch {
            throw .corrupt(path: file.path, position: 0, reason: "\(error)")
        }
        return BrokerSettings.ChangedFor.allCases.map { layer in
            var values: [String: String] = [:]
            for (name, value) in json[Self.member(layer)]?.members ?? [] {
                values[name] = value.string
            }
            return (layer, values)
        }
    }

    private static func bytes(of settings: BrokerSettings) -> ByteSlice {
        let members = BrokerSettings.ChangedFor.allCases.map { layer in
            let values = settings.changes(for: layer).sorted { $0.key < $1.key }
                .map { (name: $0.key, value: JSON.string($0.value)) }
            return (name: member(layer), value: JSON.object(values))
        }
        return ByteSlice(JSON.object(members).text(indent: true) + "\n")
    }

    private static func member(_ layer: BrokerSettings.ChangedFor) -> String {
        switch layer {
        case .thisBroker: "thisBroker"
        case .allBrokers: "allBrokers"
        }
    }
}
