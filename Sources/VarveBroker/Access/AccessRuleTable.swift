internal import VarvePlatform

/// The access rules that are set, ordered for looking up: what a client may do to a thing is found
/// without going through them. A value, never changed after its making.
final class AccessRuleTable: Sendable {
    /// What rules say of one client and one thing.
    struct Verdict: Equatable {
        var allowed: OperationSet = []
        var denied: OperationSet = []
        /// Whether any rule is about the thing at all, whoever it is for.
        var isRuled = false

        func allows(_ operation: AccessOperation) -> Bool {
            allowed.contains(operation) && !denied.contains(operation)
        }
    }

    /// Whom rules are for, and from where; each may be anybody or anywhere.
    private struct Actor: Hashable {
        let principal: String
        let host: String
    }

    private struct Grants {
        var allowed: OperationSet = []
        var denied: OperationSet = []

        mutating func add(_ rule: AccessRule) {
            switch rule.permission {
            case .allow: allowed.formUnion(rule.operation.allowed)
            case .deny: denied.formUnion(rule.operation.denied)
            }
        }
    }

    /// The rules for one type of resource.
    private struct Section {
        /// By the resource's name; `*` stands among them.
        var literal: [String: [Actor: Grants]] = [:]
        var prefixed: [String: [Actor: Grants]] = [:]
        /// The different lengths of prefixes in bytes, so that a name's own prefixes are looked up
        /// and not the rules gone through.
        var prefixLengths: [Int] = []
        /// What anything is allowed to whom.
        var patterns: [Actor: Set<AccessRule.Pattern>] = [:]

        mutating func add(_ rule: AccessRule) {
            let actor = Actor(
                principal: rule.principal, host: NumericAddress.canonical(rule.host))
            let name = rule.pattern.name
            switch rule.pattern.form {
            case .literal: literal[name, default: [:]][actor, default: Grants()].add(rule)
            case .prefixed:
                prefixed[name, default: [:]][actor, default: Grants()].add(rule)
                let length = name.utf8.count
                if !prefixLengths.contains(length) { prefixLengths.append(length) }
            }
            if rule.permission == .allow { patterns[actor, default: []].insert(rule.pattern) }
        }
    }

    let rules: Set<AccessRule>
    private let sections: [ResourceType: Section]

    init(_ rules: Set<AccessRule> = []) {
        self.rules = rules
        var sections: [ResourceType: Section] = [:]
        for rule in rules { sections[rule.pattern.type, default: Section()].add(rule) }
        self.sections = sections
    }

    /// What the rules say of `principal`, coming from `host`, and `resource`.
    func verdict(_ principal: String, from host: String, on resource: AccessResource) -> Verdict {
        guard let section = sections[resource.type] else { return Verdict() }
        return verdict(actors(principal, host), on: .name(resource.name), section)
    }

    /// Whether there is a name of `type` of which the rules allow `operation`: some pattern that is
    /// allowed and not denied as a whole. Source: `Authorizer.authorizeByResourceType`.
    /// Goes through the patterns that something of is allowed to this one client.
    func allowsAny(
        _ operation: AccessOperation, _ principal: String, from host: String, of type: ResourceType
    ) -> Bool {
        guard let section = sections[type] else { return false }
        let actors = actors(principal, host)
        return actors.contains { actor in
            (section.patterns[actor] ?? []).contains { pattern in
                verdict(actors, on: Scope(pattern), section).allows(operation)
            }
        }
    }

    /// Whether a rule is about every name of `type`.
    func rulesEverything(of type: ResourceType) -> Bool {
        sections[type]?.literal[AccessRule.wildcard] != nil
    }

    private func actors(_ principal: String, _ host: String) -> [Actor] {
        [
            Actor(principal: principal, host: host),
            Actor(principal: principal, host: AccessRule.wildcard),
            Actor(principal: AccessRule.anybody, host: host),
            Actor(principal: AccessRule.anybody, host: AccessRule.wildcard),
        ]
    }

    /// What a verdict is on.
    private enum Scope {
        case name(String)
        /// All names that begin so.
        case prefix(String)
        /// All names.
        case everything

        init(_ pattern: AccessRule.Pattern) {
            switch pattern.form {
            case .literal where pattern.name == AccessRule.wildcard: self = .everything
            case .literal: self = .name(pattern.name)
            case .prefixed: self = .prefix(pattern.name)
            }
        }
    }

    /// What is said of all of `scope`.
    private func verdict(
        _ actors: [Actor], on scope: Scope, _ section: Section
    ) -> Verdict {
        var verdict = Verdict()
        func take(_ found: [Actor: Grants]?) {
            guard let found else { return }
            verdict.isRuled = true
            for actor in actors {
                guard let grants = found[actor] else { continue }
                verdict.allowed.formUnion(grants.allowed)
                verdict.denied.formUnion(grants.denied)
            }
        }
        take(section.literal[AccessRule.wildcard])
        let name: String
        switch scope {
        case .everything: return verdict
        case .prefix(let prefix): name = prefix
        case .name(let own):
            name = own
            if name != AccessRule.wildcard { take(section.literal[name]) }
        }
        for length in section.prefixLengths where length <= name.utf8.count {
            // A prefix that ends inside a character is nobody's.
            guard let prefix = String(name.utf8.prefix(length)) else { continue }
            take(section.prefixed[prefix])
        }
        return verdict
    }
}

extension AccessRuleTable {
    /// All of them, in an order of its own that is always the same.
    var sorted: [AccessRule] {
        func order(_ rule: AccessRule) -> (Int8, String, Int8, String, String, Int16) {
            (
                rule.pattern.type.rawValue, rule.pattern.name, rule.pattern.form.rawValue,
                rule.principal, rule.host,
                Int16(rule.operation.rawValue) << 8 | Int16(rule.permission.rawValue)
            )
        }
        return rules.sorted { order($0) < order($1) }
    }

    /// Bytes of all names, principals and hosts.
    var textByteCount: Int {
        rules.reduce(0) {
            $0 + $1.pattern.name.utf8.count + $1.principal.utf8.count + $1.host.utf8.count
        }
    }

    /// As the rules' file has it.
    var json: JSON { .array(sorted.map(\.json)) }

    /// Nil where `json` is no list of rules. One that this version does not know, of a later one
    /// perhaps, makes all of it unusable: leaving out a DENY would be to allow.
    convenience init?(_ json: JSON) {
        guard let entries = json.array else { return nil }
        var rules: Set<AccessRule> = []
        for entry in entries {
            guard let rule = AccessRule(entry) else { return nil }
            rules.insert(rule)
        }
        self.init(rules)
    }
}
