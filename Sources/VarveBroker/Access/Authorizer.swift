internal import Synchronization
internal import VarveLog
internal import VarvePlatform

/// Decides what clients may do, by the rules that admin tools set, as Kafka's
/// `StandardAuthorizer` does. Thread-safe.
///
/// A client may do what some rule allows and none denies. Where no rule is about the thing at all,
/// `allow.everyone.if.no.acl.found` says; super users may do everything. The rules are kept in the
/// data directory's state file `access-rules`.
final class Authorizer: Sendable {
    static let fileName = "access-rules"
    /// Is there where the rules were lost to damage. What was allowed and denied is unknown then,
    /// so nobody is let in for want of a rule until an administrator takes it away.
    static let lostFileName = "access-rules-lost"
    /// The most rules that are kept (I8), and the most bytes of the names in them: with all of the
    /// latter escaped the file is still within `StateFile.bytesMax`.
    static let rulesMax = 10_000
    static let textBytesMax = 2 << 20

    private let settings: AuthorizerSettings
    private let table = Lock(AccessRuleTable())
    private let changes = Atomic<UInt64>(0)
    private let hasLostRules = Atomic<Bool>(false)
    private let file: StateFile
    private let lostFile: StateFile
    private let clock: any Clock
    private let logger: Logger
    /// Bounds the log lines about what was refused.
    private let lines = LogLimiter(linesPerSecond: 10)
    /// What clients asked for and may not do.
    let refused = Counter()

    init(
        _ settings: AuthorizerSettings, directory: DataDirectory, clock: any Clock, logger: Logger
    ) {
        self.settings = settings
        file = directory.stateFile(Self.fileName)
        lostFile = directory.stateFile(Self.lostFileName)
        self.clock = clock
        self.logger = logger
    }

    /// Takes up what an earlier start has kept. A damaged file is set aside (I7), and its loss is
    /// remembered: from then on only super users may do what no rule made since allows.
    /// - Parameter now: wall clock, ms since 1970.
    func load(now: Int64) throws(LogError) {
        do throws(LogError) {
            if let bytes = try file.read() { use(try parse(bytes)) }
        } catch {
            guard case .corrupt = error else { throw error }
            // First: a crash in between must not leave a broker that knows of neither.
            try lostFile.replace(with: ByteSlice("\(error)\n"))
            let aside = try file.setAside(now: now)
            logger.error("access rules are damaged", ["error": error, "kept": aside])
        }
        guard try wereRulesLost() else { return }
        hasLostRules.store(true, ordering: .relaxed)
        logger.error(
            "access rules were lost: only super users, and whom rules made since allow, may do "
                + "anything",
            [
                "remedy": "make the rules anew as one of super.users, or stop the broker and put "
                    + "a copy of \(file.path) back; then delete \(lostFile.path) and start again"
            ])
    }

    /// The rules in force.
    var rules: AccessRuleTable { table.withLock { $0 } }

    /// Another number after each change of the rules.
    var version: UInt64 { changes.load(ordering: .relaxed) }

    /// Whether the rules of an earlier run were lost to damage.
    var areRulesLost: Bool { hasLostRules.load(ordering: .relaxed) }

    /// Whether `principal`, coming from `host`, may do `operation` to `resource`.
    func allows(
        _ operation: AccessOperation, _ resource: AccessResource, _ principal: Principal,
        from host: String
    ) -> Bool {
        operations(on: resource, principal, from: host).contains(operation)
    }

    /// All that `principal` may do to `resource`.
    func operations(
        on resource: AccessResource, _ principal: Principal, from host: String
    ) -> OperationSet {
        if settings.superUsers.contains(principal.text) { return .everything }
        let verdict = rules.verdict(principal.text, from: host, on: resource)
        if !verdict.isRuled && allowsUnruled { return .everything }
        return verdict.allowed.subtracting(verdict.denied)
    }

    /// Whether `principal` may do `operation` to anything of `type`.
    func allowsAny(
        _ operation: AccessOperation, of type: ResourceType, _ principal: Principal,
        from host: String
    ) -> Bool {
        if settings.superUsers.contains(principal.text) { return true }
        let rules = rules
        if allowsUnruled && !rules.rulesEverything(of: type) { return true }
        return rules.allowsAny(operation, principal.text, from: host, of: type)
    }

    /// Counts a refusal, and says in the log whose it was: that is the line an administrator makes
    /// the missing rule from.
    func note(
        refused operation: AccessOperation, _ resource: AccessResource, _ principal: Principal,
        from host: String
    ) {
        refused.add()
        guard let omitted = lines.admit(now: clock.monotonicMilliseconds()) else { return }
        logger.info(
            "refused by the access rules",
            [
                "principal": principal.text, "host": host, "operation": operation.name,
                "resource": "\(resource.type.name):\(resource.name)", "omitted": omitted,
            ])
    }

    /// Replaces all rules. Durable on return, and in force. One caller at a time.
    /// - Throws: `.full`, `.io`; nothing changed then.
    func replace(with table: AccessRuleTable) throws(LogError) {
        try file.replace(with: ByteSlice(table.json.text(indent: true) + "\n"))
        use(table)
    }

    /// Whether `table` is more than what is kept.
    static func isTooLarge(_ table: AccessRuleTable) -> Bool {
        table.rules.count > rulesMax || table.textByteCount > textBytesMax
    }

    private var allowsUnruled: Bool { settings.allowsUnruled && !areRulesLost }

    private func use(_ table: AccessRuleTable) {
        self.table.withLock { $0 = table }
        changes.add(1, ordering: .relaxed)
    }

    private func parse(_ bytes: ByteSlice) throws(LogError) -> AccessRuleTable {
        do throws(JSONError) {
            if let table = AccessRuleTable(try JSON(parsing: bytes)) { return table }
        } catch {
            throw .corrupt(path: file.path, position: 0, reason: "\(error)")
        }
        throw .corrupt(
            path: file.path, position: 0, reason: "it holds no access rules of this version")
    }

    private func wereRulesLost() throws(LogError) -> Bool {
        do throws(LogError) {
            return try lostFile.read() != nil
        } catch {
            // It says so by being there.
            guard case .corrupt = error else { throw error }
            return true
        }
    }
}
