import Testing
internal import VarvePlatform
internal import VarveWire

/// The messages and records of the consumer group protocol (KIP-848), byte by byte as Kafka's
/// message definitions have them.
@Suite struct ConsumerGroupWireTests {
    private static let id = UniqueID(high: 1, low: 2)
    private static let idHex = "0000000000000001" + "0000000000000002"

    private static let partitions = ConsumerTopicPartitions {
        $0.topicId = id
        $0.partitions = [5]
    }
    /// One topic with partition 5, as a compact array.
    private static let partitionsHex = "02" + idHex + "02" + "00000005" + "00"

    private func hex(_ message: some WireMessage, version: Int16) throws -> String {
        var encoder = WireEncoder(version: version, isFlexible: true)
        var message = message
        try message.encode(&encoder)
        return encoder.finish().hex
    }

    private func decode<Message: WireMessage>(
        _: Message.Type, _ hex: String, version: Int16
    ) throws -> Message {
        var decoder = WireDecoder(
            try #require(ByteSlice(hex: hex)), version: version, isFlexible: true)
        var message = Message()
        try message.decode(&decoder)
        #expect(decoder.remaining == 0)
        return message
    }

    @Test(arguments: [Int16(0), 1])
    func heartbeatsAreReadAndWritten(version: Int16) throws {
        let regex = version >= 1
        let quiet = ConsumerGroupHeartbeatRequest {
            $0.groupId = "g"
            $0.memberId = "m"
            $0.memberEpoch = 3
        }
        let quietHex =
            "0267" + "026d" + "00000003" + "00" + "00" + "ffffffff" + "00" + (regex ? "00" : "")
            + "00" + "00" + "00"
        #expect(try hex(quiet, version: version) == quietHex)
        #expect(
            try decode(ConsumerGroupHeartbeatRequest.self, quietHex, version: version) == quiet)

        let full = ConsumerGroupHeartbeatRequest {
            $0.groupId = "g"
            $0.memberId = "m"
            $0.memberEpoch = -2
            $0.instanceId = "i"
            $0.rackId = "r"
            $0.rebalanceTimeoutMs = 60_000
            $0.subscribedTopicNames = ["t"]
            if regex { $0.subscribedTopicRegex = "^a" }
            $0.serverAssignor = "range"
            $0.topicPartitions = [Self.partitions]
        }
        let fullHex =
            "0267" + "026d" + "fffffffe" + "0269" + "0272" + "0000ea60" + "020274"
            + (regex ? "035e61" : "") + "0672616e6765" + Self.partitionsHex + "00"
        #expect(try hex(full, version: version) == fullHex)
        #expect(try decode(ConsumerGroupHeartbeatRequest.self, fullHex, version: version) == full)
    }

    @Test(arguments: [Int16(0), 1])
    func answersToHeartbeatsAreReadAndWritten(version: Int16) throws {
        var response = ConsumerGroupHeartbeatResponse()
        response.memberId = "m"
        response.memberEpoch = 3
        response.heartbeatIntervalMs = 5000
        let start = "00000000" + "0000" + "00" + "026d" + "00000003" + "00001388"
        #expect(try hex(response, version: version) == start + "ff" + "00")
        response.assignment = ConsumerGroupHeartbeatResponse.Assignment {
            $0.topicPartitions = [Self.partitions]
        }
        let assigned = start + "01" + Self.partitionsHex + "00" + "00"
        #expect(try hex(response, version: version) == assigned)
        #expect(
            try decode(ConsumerGroupHeartbeatResponse.self, assigned, version: version)
                == response)
    }

    @Test func aDescriptionIsReadAndWritten() throws {
        let request = ConsumerGroupDescribeRequest {
            $0.groupIds = ["g"]
            $0.includeAuthorizedOperations = true
        }
        #expect(try hex(request, version: 1) == "020267" + "01" + "00")
        let part = ConsumerGroupDescribeResponse.TopicPartitions {
            $0.topicId = Self.id
            $0.topicName = "t"
            $0.partitions = [5]
        }
        let response = ConsumerGroupDescribeResponse {
            $0.groups = [
                ConsumerGroupDescribeResponse.Group {
                    $0.groupId = "g"
                    $0.groupState = "Stable"
                    $0.groupEpoch = 4
                    $0.assignmentEpoch = 3
                    $0.assignorName = "range"
                    $0.members = [
                        ConsumerGroupDescribeResponse.Member {
                            $0.memberId = "m"
                            $0.memberEpoch = 2
                            $0.clientId = "c"
                            $0.clientHost = "h"
                            $0.subscribedTopicNames = ["t"]
                            $0.assignment.topicPartitions = [part]
                            $0.memberType = 1
                        }
                    ]
                }
            ]
        }
        let group =
            "0000" + "00" + "0267" + "07537461626c65" + "00000004" + "00000003" + "0672616e6765"
        let member = "026d" + "00" + "00" + "00000002" + "0263" + "0268" + "020274" + "00"
        let assignments =
            "02" + Self.idHex + "0274" + "02" + "00000005" + "00" + "00" + "01" + "00"
        let ends = "00" + "80000000" + "00" + "00"
        #expect(
            try hex(response, version: 1)
                == "00000000" + "02" + group + "02" + member + assignments + "01" + ends)
        #expect(
            try hex(response, version: 0)
                == "00000000" + "02" + group + "02" + member + assignments + ends)
    }

    @Test func keysSayWhatTheirRecordsAreAbout() throws {
        let key = ConsumerGroupKey {
            $0.group = "g"
            $0.member = "m"
        }
        for version in [Int16(5), 7, 8] {
            let bytes = try key.encoded(version: version)
            #expect(bytes.hex == "000\(version)" + "000167" + "00016d")
            #expect(
                try GroupRecordKey.decode(bytes) == .consumerGroup(key, version: version))
        }
        let group = ConsumerGroupKey { $0.group = "g" }
        for version in [Int16(3), 4, 6] {
            let bytes = try key.encoded(version: version)
            #expect(bytes.hex == "000\(version)" + "000167")
            #expect(
                try GroupRecordKey.decode(bytes) == .consumerGroup(group, version: version))
        }
    }

    @Test func recordsAreWrittenAsKafkaWritesThem() throws {
        #expect(
            try ConsumerGroupMetadataValue { $0.epoch = 7 }.encoded().hex
                == "0000" + "00000007" + "00")
        #expect(
            try ConsumerGroupTargetMetadataValue { $0.assignmentEpoch = 7 }.encoded().hex
                == "0000" + "00000007" + "00")
        #expect(
            try ConsumerGroupTargetMemberValue { $0.topicPartitions = [Self.partitions] }
                .encoded().hex == "0000" + Self.partitionsHex + "00")
        #expect(
            try ConsumerGroupCurrentMemberValue {
                $0.memberEpoch = 7
                $0.previousMemberEpoch = 6
                $0.state = 1
                $0.assignedPartitions = [Self.partitions]
            }.encoded().hex
                == "0000" + "00000007" + "00000006" + "01" + Self.partitionsHex + "01" + "00")
        #expect(
            try ConsumerGroupMemberMetadataValue {
                $0.clientId = "c"
                $0.clientHost = "h"
                $0.subscribedTopicNames = ["t"]
                $0.subscribedTopicRegex = "^a"
                $0.rebalanceTimeoutMs = 60_000
            }.encoded().hex
                == "0000" + "00" + "00" + "0263" + "0268" + "020274" + "035e61" + "0000ea60" + "00"
                + "00")
        let classic = try ConsumerGroupMemberMetadataValue {
            $0.classicMemberMetadata = .init {
                $0.sessionTimeoutMs = 45_000
                $0.supportedProtocols = [
                    .init {
                        $0.name = "range"
                        $0.metadata = "\u{0}\u{1}"
                    }
                ]
            }
        }.encoded()
        // Tag 0 of 17 bytes: a struct that is there, its fields, and no further tags.
        let tagged = "01" + "00" + "11" + "01" + "0000afc8" + "02" + "0672616e6765030001" + "0000"
        #expect(classic.hex == "0000" + "0000010101" + "00ffffffff00" + tagged)
        #expect(
            try ConsumerGroupMemberMetadataValue.decode(classic).classicMemberMetadata?
                .supportedProtocols.map(\.name) == ["range"])
        #expect(
            try ConsumerGroupPartitionMetadataValue {
                $0.topics = [
                    ConsumerGroupPartitionMetadataValue.Topic {
                        $0.topicId = Self.id
                        $0.topicName = "t"
                        $0.numPartitions = 6
                    }
                ]
            }.encoded().hex == "0000" + "02" + Self.idHex + "0274" + "00000006" + "01" + "00" + "00")
    }

    @Test func tagsOfNewerKafkasAreSkipped() throws {
        // Tag 0 of 8 bytes: the hash of the topics that Kafka 4.1 keeps there.
        let bytes = try #require(
            ByteSlice(hex: "0000" + "00000007" + "01" + "00" + "08" + "0102030405060708"))
        #expect(try ConsumerGroupMetadataValue.decode(bytes).epoch == 7)
    }
}
