package import VarveWire

/// The APIs this broker serves, with the versions it serves right, in one place.
///
/// What is not here is not advertised, and closes the connection when it is sent all the same, as
/// in Kafka. The codec (`ApiKey.versions`) may know more.
package enum AdvertisedVersions {
    /// What is served.
    package static let served: [(api: ApiKey, versions: ClosedRange<Int16>)] = [
        (.produce, 3...13),
        (.fetch, 4...18),
        (.listOffsets, 0...11),
        (.metadata, 0...13),
        (.offsetCommit, 0...10),
        (.offsetFetch, 0...10),
        (.findCoordinator, 0...6),
        (.joinGroup, 0...9),
        (.heartbeat, 0...4),
        (.leaveGroup, 0...5),
        (.syncGroup, 0...5),
        (.describeGroups, 0...6),
        (.listGroups, 0...5),
        (.saslHandshake, 0...1),
        (.apiVersions, 0...4),
        (.createTopics, 0...7),
        (.deleteTopics, 0...6),
        (.deleteRecords, 0...2),
        // Version 6 is for two-phase transactions (KIP-939).
        (.initProducerId, 0...5),
        (.offsetForLeaderEpoch, 2...4),
        (.addPartitionsToTxn, 0...5),
        (.addOffsetsToTxn, 0...4),
        (.endTxn, 0...5),
        (.writeTxnMarkers, 1...2),
        (.txnOffsetCommit, 0...5),
        (.describeProducers, 0...0),
        (.describeTransactions, 0...0),
        (.listTransactions, 0...2),
        (.describeAcls, 0...3),
        (.createAcls, 0...3),
        (.deleteAcls, 0...3),
        (.describeConfigs, 0...4),
        (.alterConfigs, 0...2),
        (.alterReplicaLogDirs, 1...2),
        (.describeLogDirs, 0...5),
        (.saslAuthenticate, 0...2),
        (.createPartitions, 0...3),
        (.deleteGroups, 0...2),
        (.electLeaders, 0...2),
        (.offsetDelete, 0...0),
        (.incrementalAlterConfigs, 0...1),
        (.alterPartitionReassignments, 0...1),
        (.listPartitionReassignments, 0...0),
        (.describeClientQuotas, 0...1),
        (.alterClientQuotas, 0...1),
        (.describeUserScramCredentials, 0...0),
        (.alterUserScramCredentials, 0...0),
        (.describeQuorum, 0...2),
        (.updateFeatures, 0...2),
        (.describeCluster, 0...2),
        (.consumerGroupHeartbeat, 0...1),
        (.consumerGroupDescribe, 0...1),
        (.listConfigResources, 0...1),
        (.describeTopicPartitions, 0...0),
    ]

    /// Produce is advertised from version 0, though 0 to 2 are refused: librdkafka before 2.11.1
    /// switches compression off unless it sees version 0 (KAFKA-18659, librdkafka #4956).
    static let produceAdvertisedMin: Int16 = 0

    private static let byKey = Dictionary(
        uniqueKeysWithValues: served.map { ($0.api, $0.versions) })

    /// Whether requests of `api` in `version` are served.
    package static func serves(_ api: ApiKey, _ version: Int16) -> Bool {
        byKey[api]?.contains(version) ?? false
    }
}
