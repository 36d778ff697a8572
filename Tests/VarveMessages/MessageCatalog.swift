package import VarvePlatform
package import VarveSimulation
package import VarveWire

/// Every message of the module, for tests that hold for all of them.
package enum MessageCatalog {
    package static let requests: [any WireRequest.Type] = [
        ProduceRequest.self, FetchRequest.self, ListOffsetsRequest.self, MetadataRequest.self,
        OffsetCommitRequest.self, OffsetFetchRequest.self, FindCoordinatorRequest.self,
        JoinGroupRequest.self, HeartbeatRequest.self, LeaveGroupRequest.self,
        SyncGroupRequest.self, DescribeGroupsRequest.self, ListGroupsRequest.self,
        SaslHandshakeRequest.self, ApiVersionsRequest.self, CreateTopicsRequest.self,
        DeleteTopicsRequest.self, DeleteRecordsRequest.self, InitProducerIdRequest.self,
        OffsetForLeaderEpochRequest.self, DescribeConfigsRequest.self, AlterConfigsRequest.self,
        CreatePartitionsRequest.self, DeleteGroupsRequest.self,
        IncrementalAlterConfigsRequest.self, OffsetDeleteRequest.self,
        DescribeClusterRequest.self,
        SaslAuthenticateRequest.self, AlterReplicaLogDirsRequest.self,
        DescribeLogDirsRequest.self,
        DescribeClientQuotasRequest.self, AlterClientQuotasRequest.self,
        DescribeTopicPartitionsRequest.self, ListConfigResourcesRequest.self,
        ElectLeadersRequest.self, AlterPartitionReassignmentsRequest.self,
        ListPartitionReassignmentsRequest.self, DescribeQuorumRequest.self,
        UpdateFeaturesRequest.self, DescribeUserScramCredentialsRequest.self,
        AlterUserScramCredentialsRequest.self, DescribeAclsRequest.self, CreateAclsRequest.self,
        DeleteAclsRequest.self,
        AddPartitionsToTxnRequest.self, AddOffsetsToTxnRequest.self, EndTxnRequest.self,
        WriteTxnMarkersRequest.self, TxnOffsetCommitRequest.self, DescribeProducersRequest.self,
        DescribeTransactionsRequest.self, ListTransactionsRequest.self,
        ConsumerGroupHeartbeatRequest.self, ConsumerGroupDescribeRequest.self,
    ]

    package static let records: [any VersionedRecord.Type] = [
        ConsumerSubscription.self, ConsumerAssignment.self, OffsetKey.self, OffsetValue.self,
        GroupKey.self, GroupMetadataValue.self, TransactionKey.self, TransactionValue.self,
        ConsumerGroupKey.self, ConsumerGroupMetadataValue.self, ConsumerGroupPartitionMetadataValue.self,
        ConsumerGroupMemberMetadataValue.self, ConsumerGroupTargetMetadataValue.self,
        ConsumerGroupTargetMemberValue.self, ConsumerGroupCurrentMemberValue.self,
    ]

    /// A message in one of its versions.
    package struct Entry {
        package let type: any WireMessage.Type
        package let version: Int16
        package let isFlexible: Bool
        /// Kafka's name of the message.
        package let name: String
    }

    /// All messages and records in all versions.
    package static var entries: [Entry] {
        var entries: [Entry] = []
        for request in requests {
            for version in request.api.versions {
                for (type, kind) in [
                    (request, "Request"), (response(of: request), "Response"),
                ] as [(any WireMessage.Type, String)] {
                    entries.append(
                        Entry(
                            type: type, version: version,
                            isFlexible: request.api.isFlexible(version),
                            name: request.api.name + kind))
                }
            }
        }
        for record in records {
            for version in record.versions {
                let isFlexible = record.flexibleSince.map { version >= $0 } ?? false
                entries.append(
                    Entry(
                        type: record, version: version, isFlexible: isFlexible,
                        name: String(describing: record)))
            }
        }
        return entries
    }

    private static func response(of request: any WireRequest.Type) -> any WireMessage.Type {
        func open<Request: WireRequest>(_: Request.Type) -> any WireMessage.Type {
            Request.Response.self
        }
        return open(request)
    }
}

extension MessageCatalog.Entry {
    /// Decodes the message; `remaining` bytes were not part of it.
    package func decode(
        _ bytes: ByteSlice, structureBytesMax: Int = WireDecoder.structureBytesMaxDefault
    ) throws -> (message: any WireMessage, remaining: Int) {
        var decoder = WireDecoder(
            bytes, version: version, isFlexible: isFlexible, structureBytesMax: structureBytesMax)
        var message = type.init()
        try message.decode(&decoder)
        return (message, decoder.remaining)
    }

    package func encode(_ message: any WireMessage) throws -> ByteSlice {
        var encoder = WireEncoder(version: version, isFlexible: isFlexible)
        var message = message
        try message.encode(&encoder)
        return encoder.finish()
    }

    /// The message with random values in all fields of its version.
    package func random(_ random: inout Generator) throws -> any WireMessage {
        var filler = RandomFiller(version: version, isFlexible: isFlexible, random: random)
        var message = type.init()
        try message.code(&filler)
        random = filler.random
        return message
    }
}
