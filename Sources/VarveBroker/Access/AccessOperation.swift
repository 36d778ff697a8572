/// What can be done to a resource; the numbers are the wire's. Source: Kafka's `AclOperation`.
enum AccessOperation: Int8, CaseIterable, Sendable {
    /// Any of the others: only in rules.
    case all = 2
    case read = 3
    case write = 4
    case create = 5
    case delete = 6
    case alter = 7
    case describe = 8
    case clusterAction = 9
    case describeConfigs = 10
    case alterConfigs = 11
    case idempotentWrite = 12
    case createTokens = 13
    case describeTokens = 14
    case twoPhaseCommit = 15

    /// Kafka's name, which the rules' file and the log have too.
    var name: String {
        switch self {
        case .all: "ALL"
        case .read: "READ"
        case .write: "WRITE"
        case .create: "CREATE"
        case .delete: "DELETE"
        case .alter: "ALTER"
        case .describe: "DESCRIBE"
        case .clusterAction: "CLUSTER_ACTION"
        case .describeConfigs: "DESCRIBE_CONFIGS"
        case .alterConfigs: "ALTER_CONFIGS"
        case .idempotentWrite: "IDEMPOTENT_WRITE"
        case .createTokens: "CREATE_TOKENS"
        case .describeTokens: "DESCRIBE_TOKENS"
        case .twoPhaseCommit: "TWO_PHASE_COMMIT"
        }
    }

    init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    /// What a rule that allows this allows: a client that may read, write, delete or alter may
    /// know that the thing is there. Source: `StandardAuthorizerData`.
    var allowed: OperationSet {
        switch self {
        case .all: .everything
        case .read, .write, .delete, .alter: [OperationSet(self), OperationSet(.describe)]
        case .alterConfigs: [OperationSet(self), OperationSet(.describeConfigs)]
        default: OperationSet(self)
        }
    }

    /// What a rule that denies this denies: nothing else, unless it denies all.
    var denied: OperationSet { self == .all ? .everything : OperationSet(self) }
}

/// Operations as the wire has them, a bit at each one's number (KIP-430).
struct OperationSet: OptionSet, Hashable, Sendable {
    let rawValue: Int32

    init(rawValue: Int32) { self.rawValue = rawValue }

    init(_ operation: AccessOperation) { rawValue = 1 << Int32(operation.rawValue) }

    init(_ operations: [AccessOperation]) {
        self = operations.reduce(into: []) { $0.insert(OperationSet($1)) }
    }

    /// All but "all", which is no operation of its own.
    static let everything = OperationSet(AccessOperation.allCases.filter { $0 != .all })

    func contains(_ operation: AccessOperation) -> Bool { contains(OperationSet(operation)) }
}
