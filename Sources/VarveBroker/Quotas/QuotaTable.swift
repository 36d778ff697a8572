internal import VarvePlatform

/// The quotas that are set: a value. Written as JSON:
///
///     [{"user": "alice", "clientId": null, "quotas": {"producer_byte_rate": 1048576}}, …]
///
/// A member that is null stands for the default of its type, one that is absent for no such part.
struct QuotaTable: Equatable, Sendable {
    /// The most entities with quotas (I8).
    static let entitiesMax = 10_000
    /// The longest name of a user or client id that a quota may be for.
    static let nameBytesMax = 1024

    private(set) var quotas: [QuotaEntity: [QuotaKind: Double]] = [:]

    init() {}

    var isEmpty: Bool { quotas.isEmpty }

    /// Sets a quota, or removes it (nil).
    mutating func set(_ kind: QuotaKind, of entity: QuotaEntity, to value: Double?) {
        quotas[entity, default: [:]][kind] = value
        if quotas[entity]?.isEmpty ?? false { quotas[entity] = nil }
    }

    /// The quota that counts for `client`, and the entity it belongs to; nil where none does.
    func quota(
        _ kind: QuotaKind, for client: QuotaClient
    ) -> (value: Double, entity: QuotaEntity)? {
        for entity in QuotaEntity.candidates(for: client) {
            if let value = quotas[entity]?[kind] { return (value, entity) }
        }
        return nil
    }

    /// Whether any entity has a quota of that kind.
    func has(_ kind: QuotaKind) -> Bool { quotas.values.contains { $0[kind] != nil } }

    /// All of it, in an order of its own that is always the same.
    var sorted: [(entity: QuotaEntity, quotas: [(kind: QuotaKind, value: Double)])] {
        // No such part first, then the default, then by name.
        func order(_ entity: QuotaEntity) -> (Int, String, Int, String) {
            func rank(_ name: QuotaEntity.Name?) -> Int {
                name.map { $0 == .standard ? 1 : 2 } ?? 0
            }
            return (
                rank(entity.user), entity.user?.text ?? "", rank(entity.clientID),
                entity.clientID?.text ?? ""
            )
        }
        return quotas.map { entity, values in
            let sorted = values.sorted { $0.key.rawValue < $1.key.rawValue }
            return (entity, sorted.map { (kind: $0.key, value: $0.value) })
        }.sorted { order($0.entity) < order($1.entity) }
    }

    var json: JSON {
        .array(
            sorted.map { entity, values in
                var members: [(name: String, value: JSON)] = []
                func add(_ member: String, _ name: QuotaEntity.Name?) {
                    guard let name else { return }
                    members.append((member, name.text.map(JSON.string) ?? .null))
                }
                add("user", entity.user)
                add("clientId", entity.clientID)
                let quotas = values.map { (name: $0.kind.rawValue, value: JSON.double($0.value)) }
                return .object(members + [("quotas", .object(quotas))])
            })
    }

    /// Nil where `json` is no such table. What a later version may have added to it, another kind
    /// of quota, is left out.
    init?(_ json: JSON) {
        guard let entries = json.array else { return nil }
        for entry in entries {
            func name(_ member: String) -> QuotaEntity.Name? {
                guard let value = entry[member] else { return nil }
                return value.string.map(QuotaEntity.Name.named) ?? .standard
            }
            let entity = QuotaEntity(user: name("user"), clientID: name("clientId"))
            guard let values = entry["quotas"]?.members, !entity.components.isEmpty else {
                return nil
            }
            for (kind, value) in values {
                guard let kind = QuotaKind(rawValue: kind) else { continue }
                guard let number = value.number, kind.problem(with: number) == nil else {
                    return nil
                }
                set(kind, of: entity, to: number)
            }
        }
    }
}

extension JSON {
    /// The number that this is, whole or not.
    fileprivate var number: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }
}
