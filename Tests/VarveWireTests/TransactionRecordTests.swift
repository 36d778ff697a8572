import Testing
internal import VarvePlatform
internal import VarveWire

/// What Kafka stores in `__transaction_state`, byte by byte as its coordinator writes it.
@Suite struct TransactionRecordTests {
    static let ongoing = TransactionValue {
        $0.producerId = 258
        $0.producerEpoch = 3
        $0.transactionTimeoutMs = 60_000
        $0.transactionStatus = 1
        $0.transactionPartitions = [
            TransactionValue.Topic {
                $0.topic = "t"
                $0.partitionIds = [0, 7]
            }
        ]
        $0.lastUpdateTimestampMs = 5
        $0.startTimestampMs = 4
    }

    @Test func aTransactionalIdIsTheKey() throws {
        let key = TransactionKey { $0.transactionalId = "tx" }
        #expect(try key.encoded().hex == "0000" + "00027478")
        #expect(try TransactionKey.decode(key.encoded()) == key)
    }

    @Test func aTransactionIsWrittenAsKafkaWritesIt() throws {
        let id = "0000000000000102"
        let times = "0000000000000005" + "0000000000000004"
        #expect(
            try Self.ongoing.encoded(version: 0).hex
                == "0000" + id + "0003" + "0000ea60" + "01" + "00000001" + "000174" + "00000002"
                + "00000000" + "00000007" + times)
        var bumped = Self.ongoing
        bumped.clientTransactionVersion = 2
        bumped.nextProducerId = 259
        #expect(
            try bumped.encoded().hex
                == "0001" + id + "0003" + "0000ea60" + "01" + "02" + "0274" + "03" + "00000000"
                + "00000007" + "00" + times + "02" + "0108" + "0000000000000103" + "02020002")
    }

    @Test(arguments: TransactionValue.versions)
    func everyVersionIsRead(version: Int16) throws {
        #expect(try TransactionValue.decode(Self.ongoing.encoded(version: version)) == Self.ongoing)
        var idle = Self.ongoing
        idle.transactionPartitions = nil
        #expect(try TransactionValue.decode(idle.encoded(version: version)) == idle)
    }

    @Test func aNewerVersionIsRefused() throws {
        let bytes = try #require(ByteSlice(hex: "0002" + "0000000000000102"))
        #expect(throws: WireError.self) { try TransactionValue.decode(bytes) }
    }
}
