import Testing
internal import VarvePlatform
internal import VarveWire

/// What Kafka stores in `__consumer_offsets`, byte by byte as its group coordinator writes it.
@Suite struct VersionedRecordTests {
    @Test func aCommittedOffsetIsWrittenAsKafkaWritesIt() throws {
        let key = OffsetKey {
            $0.group = "g"
            $0.topic = "tt"
            $0.partition = 3
        }
        #expect(try key.encoded().hex == "0001" + "000167" + "00027474" + "00000003")
        let value = OffsetValue {
            $0.offset = 258
            $0.leaderEpoch = -1
            $0.metadata = "m"
            $0.commitTimestamp = 1
        }
        #expect(
            try value.encoded().hex
                == "0003" + "0000000000000102" + "ffffffff" + "00016d" + "0000000000000001")
        #expect(try GroupRecordKey.decode(key.encoded()) == .offset(key))
    }

    @Test func offsetsOfEveryVersionAreRead() throws {
        func read(_ hex: String) throws -> OffsetValue {
            try OffsetValue.decode(try #require(ByteSlice(hex: hex)))
        }
        let expected = OffsetValue {
            $0.offset = 5
            $0.metadata = "m"
            $0.commitTimestamp = 7
        }
        let offset = "0000000000000005"
        let committed = "0000000000000007"
        #expect(try read("0000" + offset + "00016d" + committed) == expected)
        var expiring = expected
        expiring.expireTimestamp = 9
        #expect(
            try read("0001" + offset + "00016d" + committed + "0000000000000009") == expiring)
        #expect(try read("0003" + offset + "ffffffff" + "00016d" + committed) == expected)
        #expect(try read("0004" + offset + "ffffffff" + "026d" + committed + "00") == expected)
        var identified = expected
        identified.topicId = UniqueID(high: 1, low: 2)
        #expect(
            try read(
                "0004" + offset + "ffffffff" + "026d" + committed + "010010" + "0000000000000001"
                    + "0000000000000002") == identified)
    }

    @Test func aGroupIsWrittenAsKafkaWritesIt() throws {
        let key = GroupKey { $0.group = "g" }
        #expect(try key.encoded().hex == "0002" + "000167")
        #expect(try GroupRecordKey.decode(key.encoded()) == .group(key))
        let value = GroupMetadataValue {
            $0.protocolType = "consumer"
            $0.generation = 2
            $0.protocolName = "range"
            $0.leader = "a"
            $0.currentStateTimestamp = 3
            $0.members = [
                GroupMetadataValue.Member {
                    $0.memberId = "a"
                    $0.clientId = "c"
                    $0.clientHost = "h"
                    $0.rebalanceTimeout = 4
                    $0.sessionTimeout = 5
                    $0.subscription = "s"
                    $0.assignment = "xy"
                }
            ]
        }
        #expect(
            try value.encoded().hex
                == "0003" + "0008636f6e73756d6572" + "00000002" + "000572616e6765" + "000161"
                + "0000000000000003" + "00000001" + "000161" + "ffff" + "000163" + "000168"
                + "00000004" + "00000005" + "0000000173" + "000000027879")
        #expect(try GroupMetadataValue.decode(value.encoded()) == value)
    }

    @Test func anEmptyGroupHasNoLeaderAndNoProtocol() throws {
        let value = GroupMetadataValue { $0.protocolType = "consumer" }
        let back = try GroupMetadataValue.decode(value.encoded())
        #expect(back.leader == nil && back.protocolName == nil && back.members.isEmpty)
    }

    @Test func keysOfNewerGroupTypesAreToldApart() throws {
        let bytes = try #require(ByteSlice(hex: "0009" + "000167"))
        #expect(try GroupRecordKey.decode(bytes) == .other(version: 9))
        #expect(throws: WireError.self) { try GroupRecordKey.decode(ByteSlice()) }
    }

    @Test func valuesOfUnknownVersionsAreRefused() throws {
        let bytes = try #require(ByteSlice(hex: "0009" + "0000000000000005"))
        #expect(throws: WireError.self) { try OffsetValue.decode(bytes) }
    }

    @Test func subscriptionsOfNewerVersionsAreReadAsTheNewestKnown() throws {
        let known = ConsumerSubscription {
            $0.topics = ["a"]
            $0.generationId = 4
            $0.rackId = "r"
        }
        var bytes = try known.encoded().array
        bytes[1] = 9
        bytes += [1, 2, 3]
        #expect(try ConsumerSubscription.decode(ByteSlice(bytes)) == known)
    }

    @Test func aSubscriptionOfVersion1WithoutOwnedPartitionsIsRead() throws {
        let bytes = try #require(ByteSlice(hex: "0001" + "00000001" + "000161" + "ffffffff"))
        #expect(try ConsumerSubscription.decode(bytes).topics == ["a"])
    }
}
