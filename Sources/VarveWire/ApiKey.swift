/// The APIs that this module has messages for, by their number on the wire.
package enum ApiKey: Int16, CaseIterable, Sendable {
    case produce = 0
    case fetch = 1
    case listOffsets = 2
    case metadata = 3
    case offsetCommit = 8
    case offsetFetch = 9
    case findCoordinator = 10
    case joinGroup = 11
    case heartbeat = 12
    case leaveGroup = 13
    case syncGroup = 14
    case describeGroups = 15
    case listGroups = 16
    case saslHandshake = 17
    case apiVersions = 18
    case createTopics = 19
    case deleteTopics = 20
    case deleteRecords = 21
    case initProducerId = 22
    case offsetForLeaderEpoch = 23
    case addPartitionsToTxn = 24
    case addOffsetsToTxn = 25
    case endTxn = 26
    case writeTxnMarkers = 27
    case txnOffsetCommit = 28
    case describeAcls = 29
    case createAcls = 30
    case deleteAcls = 31
    case describeConfigs = 32
    case alterConfigs = 33
    case alterReplicaLogDirs = 34
    case describeLogDirs = 35
    case saslAuthenticate = 36
    case createPartitions = 37
    case deleteGroups = 42
    case electLeaders = 43
    case incrementalAlterConfigs = 44
    case alterPartitionReassignments = 45
    case listPartitionReassignments = 46
    case offsetDelete = 47
    case describeClientQuotas = 48
    case alterClientQuotas = 49
    case describeUserScramCredentials = 50
    case alterUserScramCredentials = 51
    case describeQuorum = 55
    case updateFeatures = 57
    case describeCluster = 60
    case describeProducers = 61
    case describeTransactions = 65
    case listTransactions = 66
    case consumerGroupHeartbeat = 68
    case consumerGroupDescribe = 69
    case listConfigResources = 74
    case describeTopicPartitions = 75

    /// The versions that this module codes. What a broker advertises may be less, and for
    /// Produce must start at 0: librdkafka before 2.11.1 switches compression off otherwise
    /// (KAFKA-18659).
    package var versions: ClosedRange<Int16> { format.versions }

    /// The first version in the compact form with tagged fields (KIP-482); nil where none is.
    package var flexibleSince: Int16? { format.flexibleSince }

    /// All APIs with their versions.
    package static let supported: [ApiKey: ClosedRange<Int16>] = .init(
        uniqueKeysWithValues: allCases.map { ($0, $0.versions) })

    package func isFlexible(_ version: Int16) -> Bool {
        flexibleSince.map { version >= $0 } ?? false
    }

    /// 2 where the request is flexible, else 1.
    package func requestHeaderVersion(_ version: Int16) -> Int16 { isFlexible(version) ? 2 : 1 }

    /// 1 where the response is flexible, else 0. ApiVersions stays at 0, so that a client can
    /// read the answer of a broker that does not know its version (KIP-511).
    package func responseHeaderVersion(_ version: Int16) -> Int16 {
        self != .apiVersions && isFlexible(version) ? 1 : 0
    }

    /// Kafka's name, such as "OffsetForLeaderEpoch".
    package var name: String {
        let text = String(describing: self)
        return text.prefix(1).uppercased() + text.dropFirst()
    }

    /// Source: the Kafka 4.3 message definitions; they start where KIP-896 has them start, but for
    /// version 0 of ListOffsets: Burrow asks for the ends of partitions with it.
    private var format: (versions: ClosedRange<Int16>, flexibleSince: Int16?) {
        switch self {
        case .produce: (3...13, 9)
        case .fetch: (4...18, 12)
        case .listOffsets: (0...11, 6)
        case .metadata: (0...13, 9)
        case .offsetCommit: (0...10, 8)
        case .offsetFetch: (0...10, 6)
        case .findCoordinator: (0...6, 3)
        case .joinGroup: (0...9, 6)
        case .heartbeat: (0...4, 4)
        case .leaveGroup: (0...5, 4)
        case .syncGroup: (0...5, 4)
        case .describeGroups: (0...6, 5)
        case .listGroups: (0...5, 3)
        case .saslHandshake: (0...1, nil)
        case .apiVersions: (0...4, 3)
        case .createTopics: (0...7, 5)
        case .deleteTopics: (0...6, 4)
        case .deleteRecords: (0...2, 2)
        case .initProducerId: (0...6, 2)
        case .offsetForLeaderEpoch: (2...4, 4)
        case .addPartitionsToTxn: (0...5, 3)
        case .addOffsetsToTxn: (0...4, 3)
        case .endTxn: (0...5, 3)
        case .writeTxnMarkers: (1...2, 1)
        case .txnOffsetCommit: (0...5, 3)
        case .describeAcls, .createAcls, .deleteAcls: (0...3, 2)
        case .describeConfigs: (0...4, 4)
        case .alterConfigs: (0...2, 2)
        case .alterReplicaLogDirs: (1...2, 2)
        case .describeLogDirs: (0...5, 2)
        case .saslAuthenticate: (0...2, 2)
        case .createPartitions: (0...3, 2)
        case .deleteGroups: (0...2, 2)
        case .electLeaders: (0...2, 2)
        case .incrementalAlterConfigs: (0...1, 1)
        case .alterPartitionReassignments: (0...1, 0)
        case .listPartitionReassignments: (0...0, 0)
        case .offsetDelete: (0...0, nil)
        case .describeClientQuotas, .alterClientQuotas: (0...1, 1)
        case .describeUserScramCredentials, .alterUserScramCredentials: (0...0, 0)
        case .describeQuorum, .updateFeatures: (0...2, 0)
        case .describeCluster: (0...2, 0)
        case .describeProducers, .describeTransactions: (0...0, 0)
        case .listTransactions: (0...2, 0)
        case .consumerGroupHeartbeat, .consumerGroupDescribe: (0...1, 0)
        case .listConfigResources: (0...1, 0)
        case .describeTopicPartitions: (0...0, 0)
        }
    }
}
