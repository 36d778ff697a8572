internal import VarveWire

/// The kinds of thing that access rules are about; the numbers are the wire's. Source: Kafka's
/// `ResourceType`.
enum ResourceType: Int8, CaseIterable, Sendable {
    case topic = 2
    case group = 3
    case cluster = 4
    case transactionalID = 5
    case delegationToken = 6
    case user = 7

    /// Kafka's name.
    var name: String {
        switch self {
        case .topic: "TOPIC"
        case .group: "GROUP"
        case .cluster: "CLUSTER"
        case .transactionalID: "TRANSACTIONAL_ID"
        case .delegationToken: "DELEGATION_TOKEN"
        case .user: "USER"
        }
    }

    init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    /// What can be done to it. Source: `AclEntry.supportedOperations`.
    var operations: OperationSet {
        switch self {
        case .topic: Self.topicOperations
        case .group: Self.groupOperations
        case .cluster: Self.clusterOperations
        case .transactionalID: Self.transactionalIDOperations
        case .delegationToken: OperationSet(.describe)
        case .user: Self.userOperations
        }
    }

    private static let topicOperations = OperationSet([
        .read, .write, .create, .delete, .alter, .describe, .describeConfigs, .alterConfigs,
    ])
    private static let groupOperations = OperationSet([
        .read, .delete, .describe, .describeConfigs, .alterConfigs,
    ])
    private static let clusterOperations = OperationSet([
        .create, .alter, .describe, .clusterAction, .describeConfigs, .alterConfigs,
        .idempotentWrite,
    ])
    private static let transactionalIDOperations = OperationSet([
        .write, .describe, .twoPhaseCommit,
    ])
    private static let userOperations = OperationSet([.createTokens, .describeTokens])

    /// What a client is told that may not do what it asks. Source: `AclEntry.authorizationError`.
    var refusal: ErrorCode {
        switch self {
        case .topic: .topicAuthorizationFailed
        case .group: .groupAuthorizationFailed
        case .cluster, .user: .clusterAuthorizationFailed
        case .transactionalID: .transactionalIdAuthorizationFailed
        case .delegationToken: .delegationTokenAuthorizationFailed
        }
    }
}

/// One thing that a client wants to do something to.
struct AccessResource: Hashable, Sendable {
    let type: ResourceType
    let name: String

    static func topic(_ name: String) -> AccessResource { .init(type: .topic, name: name) }
    static func group(_ id: String) -> AccessResource { .init(type: .group, name: id) }
    static func transactionalID(_ id: String) -> AccessResource {
        .init(type: .transactionalID, name: id)
    }
    /// The broker as a whole, by the name that Kafka gives it.
    static let cluster = AccessResource(type: .cluster, name: "kafka-cluster")
}
