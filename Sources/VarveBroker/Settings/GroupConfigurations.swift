internal import VarveLog
internal import VarvePlatform

/// What single groups set for themselves (config resource type GROUP), in place of the broker's
/// `group.consumer.*`. Thread-safe.
///
/// Kept in the data directory's state file `group-configurations`:
///
///     {"analysts": {"consumer.session.timeout.ms": "50000"}}
///
/// A group need not exist to have some, and keeps them when it is deleted. Source: KIP-848; the
/// settings of share and streams groups are not known here.
final class GroupConfigurations: Sendable {
    static let fileName = "group-configurations"
    static let sessionTimeout = "consumer.session.timeout.ms"
    static let heartbeatInterval = "consumer.heartbeat.interval.ms"
    /// By name.
    static let names = [heartbeatInterval, sessionTimeout]
    /// Groups with some of their own (I8), each of which takes about 200 bytes.
    static let groupsMax = 10_000

    /// The broker's setting that counts where a group has none of that name.
    static func setting(of name: String) -> String { "group." + name }

    private let values = Lock<[String: [String: String]]>([:])
    private let file: StateFile
    private let logger: Logger

    init(file: StateFile, logger: Logger) {
        self.file = file
        self.logger = logger
    }

    /// Takes up what earlier runs have kept. A damaged file is set aside (I7) and reported.
    /// - Parameter now: wall clock, ms since 1970.
    func load(now: Int64) throws(LogError) {
        do throws(LogError) {
            guard let bytes = try file.read() else { return }
            let kept = try parse(bytes)
            values.withLock { $0 = kept }
        } catch {
            guard case .corrupt = error else { throw error }
            let aside = try file.setAside(now: now)
            logger.error(
                "the groups' configurations are damaged; the broker's are in force",
                ["error": error, "kept": aside])
        }
    }

    /// The groups that have some, by name.
    var groups: [String] { values.withLock { $0.keys.sorted() } }

    /// What the group sets itself.
    func values(of group: String) -> [String: String] { values.withLock { $0[group] ?? [:] } }

    /// The broker's limits, with the group's own in their place.
    func limits(of group: String, from defaults: ConsumerLimits) -> ConsumerLimits {
        let own = values(of: group)
        guard !own.isEmpty else { return defaults }
        var limits = defaults
        if let value = own[Self.sessionTimeout].flatMap({ Int64($0) }) {
            limits.sessionTimeout = value
        }
        if let value = own[Self.heartbeatInterval].flatMap({ Int64($0) }) {
            limits.heartbeatInterval = value
        }
        return limits
    }

    /// Sets `new`, and nothing else, for the group: checked, durable and in force on return. One
    /// caller at a time.
    /// - Parameter isTrial: check only.
    /// - Throws: `.badSetting`; `.disk` where it could not be kept. Nothing changed then.
    func change(
        _ group: String, to new: [String: String], settings: BrokerSettings, isTrial: Bool
    ) throws(BrokerError) {
        try Self.check(new, settings)
        var all = values.withLock { $0 }
        all[group] = new.isEmpty ? nil : new
        if all.count > Self.groupsMax {
            throw .badSetting(
                name: group, reason: "\(Self.groupsMax) groups have configurations already")
        }
        guard !isTrial else { return }
        do throws(LogError) {
            try file.replace(with: Self.bytes(of: all))
        } catch {
            throw .disk("\(error)")
        }
        values.withLock { $0 = all }
        logger.info(
            "group configuration changed",
            ["group": group, "names": new.keys.sorted().joined(separator: ", ")])
    }

    private static func check(
        _ values: [String: String], _ settings: BrokerSettings
    ) throws(BrokerError) {
        for name in values.keys.sorted() where !names.contains(name) {
            throw .badSetting(
                name: name,
                reason: "unknown group config name; there are " + names.joined(separator: ", "))
        }
        func number(_ name: String) throws(BrokerError) -> Int64 {
            let setting = setting(of: name)
            guard let text = values[name] else { return settings.integer(setting) }
            if let problem = BrokerSettings.byName[setting]!.problem(with: text) {
                throw .badSetting(name: name, reason: problem)
            }
            let bound = name.dropFirst("consumer.".count)
            let (least, most) = ("group.consumer.min.\(bound)", "group.consumer.max.\(bound)")
            let value = Int64(text)!
            if value < settings.integer(least) {
                throw .badSetting(
                    name: name,
                    reason: "must be greater than or equal to \(least), "
                        + "\(settings.integer(least))")
            }
            if value > settings.integer(most) {
                throw .badSetting(
                    name: name,
                    reason: "must be less than or equal to \(most), \(settings.integer(most))")
            }
            return value
        }
        let session = try number(sessionTimeout)
        let interval = try number(heartbeatInterval)
        if !values.isEmpty && session <= interval {
            throw .badSetting(
                name: sessionTimeout,
                reason: "\(session) must be greater than \(heartbeatInterval), \(interval)")
        }
    }

    private func parse(_ bytes: ByteSlice) throws(LogError) -> [String: [String: String]] {
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: bytes)
        } catch {
            throw .corrupt(path: file.path, position: 0, reason: "\(error)")
        }
        var all: [String: [String: String]] = [:]
        for (group, own) in json.members ?? [] {
            for (name, value) in own.members ?? [] where Self.names.contains(name) {
                all[group, default: [:]][name] = value.string
            }
        }
        return all
    }

    private static func bytes(of all: [String: [String: String]]) -> ByteSlice {
        let members = all.sorted { $0.key < $1.key }.map { group, own in
            let values = own.sorted { $0.key < $1.key }
                .map { (name: $0.key, value: JSON.string($0.value)) }
            return (name: group, value: JSON.object(values))
        }
        return ByteSlice(JSON.object(members).text(indent: true) + "\n")
    }
}
