internal import VarveLog

/// Configurations as DescribeConfigs and CreateTopics show them.
enum ConfigEntries {
    /// Where a value comes from; the numbers are the wire's (`ConfigSource`, KIP-226).
    enum Source: Int8 {
        case topic = 1
        /// Changed while the broker ran, for it alone or for all.
        case changedBroker = 2
        case changedForAll = 3
        case broker = 4
        case standard = 5
        case group = 8
    }

    struct Entry {
        let name: String
        let value: String?
        let source: Source
        let isReadOnly: Bool
        /// It has a value that is not shown.
        var isSensitive = false
        /// The wire's number of the type (KIP-569).
        let type: Int8
        let documentation: String
        /// What would count if the values before were not set, nearest first; the value itself
        /// stands first.
        let synonyms: [(name: String, value: String?, source: Source)]
    }

    private enum WireType {
        static let boolean: Int8 = 1
        static let string: Int8 = 2
        static let int: Int8 = 3
        static let long: Int8 = 5
        static let double: Int8 = 6
        static let list: Int8 = 7
        static let password: Int8 = 9
    }

    /// Every configuration of a topic, by name.
    static func topic(_ configuration: TopicConfiguration, broker: BrokerState) -> [Entry] {
        TopicConfiguration.definitions.map { definition in
            let name = definition.name
            var synonyms: [(name: String, value: String?, source: Source)] = []
            if let own = configuration.overrides[name] { synonyms.append((name, own, .topic)) }
            if let setting = TopicDefaults.source(of: name, in: broker.settings) {
                synonyms.append(
                    (
                        setting, broker.settings.value(of: setting),
                        broker.settings.source(of: setting)
                    ))
            }
            let standard = TopicDefaults.standard(of: name) ?? (name, definition.defaultValue)
            synonyms.append((standard.name, standard.value, .standard))
            let type: Int8 =
                switch definition.type {
                case .boolean: WireType.boolean
                case .string: WireType.string
                case .int: WireType.int
                case .long: WireType.long
                case .double: WireType.double
                case .list: WireType.list
                }
            return Entry(
                name: name, value: configuration.value(of: name), source: synonyms[0].source,
                isReadOnly: false, type: type, documentation: definition.documentation,
                synonyms: synonyms)
        }
    }

    /// Every configuration of a group, which need not exist, by name.
    static func group(_ id: String, broker: BrokerState) -> [Entry] {
        let own = broker.groups.configurations.values(of: id)
        return GroupConfigurations.names.map { name in
            let setting = GroupConfigurations.setting(of: name)
            let definition = BrokerSettings.byName[setting]!
            var synonyms: [(name: String, value: String?, source: Source)] = []
            if let value = own[name] { synonyms.append((name, value, .group)) }
            let source = broker.settings.source(of: setting)
            if source != .standard {
                synonyms.append((setting, broker.settings.value(of: setting), source))
            }
            synonyms.append((setting, definition.defaultValue, .standard))
            return Entry(
                name: name, value: synonyms[0].value, source: synonyms[0].source,
                isReadOnly: false, type: wireType(definition.kind),
                documentation: definition.documentation, synonyms: synonyms)
        }
    }

    /// Every broker setting and what else the broker was started with, by name.
    static func broker(_ broker: BrokerState) -> [Entry] {
        let settings = broker.settings
        let given = given(broker)
        let names = Set(given.map(\.name))
        let entries = BrokerSettings.definitions.filter { !names.contains($0.name) }
            .map { entry($0, settings) }
        return (entries + given).sorted { $0.name < $1.name }
    }

    /// What is told to the broker by other ways than its settings, under Kafka's names for it.
    private static func given(_ broker: BrokerState) -> [Entry] {
        func entry(_ name: String, _ value: String, _ type: Int8, _ documentation: String) -> Entry {
            Entry(
                name: name, value: value, source: .broker, isReadOnly: true, type: type,
                documentation: documentation, synonyms: [(name, value, .broker)])
        }
        func urls(_ addresses: [ListenerAddress]) -> String {
            addresses.map(\.url).joined(separator: ",")
        }
        return [
            entry(
                "advertised.listeners", urls(broker.advertisedListeners), WireType.list,
                "Where clients are told to come to."),
            entry("listeners", urls(broker.listeners), WireType.list, "Where the broker listens."),
            entry("log.dirs", broker.directory.path, WireType.list, "The data directory."),
            entry(
                "node.id", "\(broker.directory.nodeID)", WireType.int,
                BrokerSettings.byName["node.id"]?.documentation ?? ""),
        ]
    }

    /// The settings that were changed for all brokers, by name.
    static func changedForAll(_ settings: BrokerSettings) -> [Entry] {
        let changes = settings.changes(for: .allBrokers)
        return BrokerSettings.definitions.sorted { $0.name < $1.name }.compactMap { definition in
            guard let value = changes[definition.name] else { return nil }
            return Entry(
                name: definition.name, value: value, source: .changedForAll, isReadOnly: false,
                type: wireType(definition.kind), documentation: definition.documentation,
                synonyms: [(definition.name, value, .changedForAll)])
        }
    }

    private static func entry(
        _ definition: SettingDefinition, _ settings: BrokerSettings
    ) -> Entry {
        let name = definition.name
        var synonyms: [(name: String, value: String?, source: Source)] = []
        func add(_ name: String, _ value: String?, _ source: Source) {
            // No default is no value.
            guard let value, source != .standard || !value.isEmpty else { return }
            synonyms.append((name, definition.isSensitive ? nil : value, source))
        }
        for name in TopicDefaults.names(from: name) {
            add(name, settings.changes(for: .thisBroker)[name], .changedBroker)
            add(name, settings.changes(for: .allBrokers)[name], .changedForAll)
            add(name, settings.overrides[name], .broker)
            add(name, BrokerSettings.byName[name]?.defaultValue, .standard)
        }
        let value = definition.isSensitive ? "" : settings.value(of: name)
        return Entry(
            name: name, value: value.isEmpty ? nil : value, source: settings.source(of: name),
            isReadOnly: !BrokerSettings.isChangeable(name), isSensitive: definition.isSensitive,
            type: wireType(definition.kind), documentation: definition.documentation,
            synonyms: synonyms)
    }

    private static func wireType(_ kind: SettingDefinition.Kind) -> Int8 {
        switch kind {
        case .boolean: WireType.boolean
        case .int: WireType.int
        case .long: WireType.long
        case .double: WireType.double
        case .string, .choice: WireType.string
        case .list: WireType.list
        case .password: WireType.password
        }
    }
}
