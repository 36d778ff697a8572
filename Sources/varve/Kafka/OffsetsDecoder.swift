internal import VarveLog
internal import VarvePlatform
internal import VarveRecords
internal import VarveWire

/// The records of `__consumer_offsets` as JSON, in the shape of Kafka's OffsetsMessageParser:
/// `{"type":"1","data":{…}}` for the key and `{"version":"3","data":{…}}` for the value.
enum OffsetsDecoder {
    @Sendable static func contents(_ record: Record) -> LogDump.Contents {
        guard let key = record.key, key.count >= 2 else {
            return .decoded(
                key: "Failed to decode message at offset \(record.offset) using offset topic "
                    + "decoder (message had a missing key)", payload: nil)
        }
        do throws(WireError) {
            let type = JSON.string("\(version(key))")
            func decoded(_ data: JSON, _ payload: String) -> LogDump.Contents {
                .decoded(
                    key: JSON.object([("type", type), ("data", data)]).text(), payload: payload)
            }
            switch try GroupRecordKey.decode(key) {
            case .offset(let key):
                let data = JSON.object([
                    ("group", .string(key.group)), ("topic", .string(key.topic)),
                    ("partition", .int(Int64(key.partition))),
                ])
                return decoded(data, try payload(record.value, offset))
            case .group(let key):
                let data = JSON.object([("group", .string(key.group))])
                return decoded(data, try payload(record.value, group))
            case .consumerGroup(let key, let version):
                return decoded(
                    ConsumerGroupDecoder.key(key),
                    try payload(record.value) { (bytes) throws(WireError) in
                        try ConsumerGroupDecoder.value(bytes, version: version)
                    })
            case .other(let version):
                return .decoded(
                    key: "Unknown record type \(version) at offset \(record.offset), skipping.",
                    payload: nil)
            }
        } catch {
            return .decoded(
                key: "Error at offset \(record.offset), skipping. \(error)", payload: nil)
        }
    }

    private static func version(_ bytes: ByteSlice) -> Int16 {
        Int16(bitPattern: UInt16(bytes[0]) << 8 | UInt16(bytes[1]))
    }

    private static func payload(
        _ value: ByteSlice?, _ data: (ByteSlice) throws(WireError) -> JSON
    ) throws(WireError) -> String {
        guard let value, value.count >= 2 else { return "<DELETE>" }
        return JSON.object([
            ("version", .string("\(version(value))")), ("data", try data(value)),
        ]).text()
    }

    private static func offset(_ bytes: ByteSlice) throws(WireError) -> JSON {
        let value = try OffsetValue.decode(bytes)
        var members: [(name: String, value: JSON)] = [("offset", .int(value.offset))]
        if version(bytes) >= 3 { members.append(("leaderEpoch", .int(Int64(value.leaderEpoch)))) }
        members.append(("metadata", .string(value.metadata)))
        members.append(("commitTimestamp", .int(value.commitTimestamp)))
        if version(bytes) == 1 { members.append(("expireTimestamp", .int(value.expireTimestamp))) }
        return .object(members)
    }

    private static func group(_ bytes: ByteSlice) throws(WireError) -> JSON {
        let value = try GroupMetadataValue.decode(bytes)
        let isConsumer = value.protocolType == "consumer"
        var members: [(name: String, value: JSON)] = [
            ("protocolType", .string(value.protocolType)),
            ("generation", .int(Int64(value.generation))),
            ("protocol", value.protocolName.map { .string($0) } ?? .null),
            ("leader", value.leader.map { .string($0) } ?? .null),
        ]
        if version(bytes) >= 2 {
            members.append(("currentStateTimestamp", .int(value.currentStateTimestamp)))
        }
        members.append((
            "members", .array(value.members.map { member($0, isConsumer, version(bytes)) })
        ))
        return .object(members)
    }

    private static func member(
        _ member: GroupMetadataValue.Member, _ isConsumer: Bool, _ version: Int16
    ) -> JSON {
        var members: [(name: String, value: JSON)] = [("memberId", .string(member.memberId))]
        if version >= 3 {
            members.append(
                ("groupInstanceId", member.groupInstanceId.map { .string($0) } ?? .null))
        }
        members += [
            ("clientId", .string(member.clientId)), ("clientHost", .string(member.clientHost)),
        ]
        if version >= 1 {
            members.append(("rebalanceTimeout", .int(Int64(member.rebalanceTimeout))))
        }
        members.append(("sessionTimeout", .int(Int64(member.sessionTimeout))))
        members.append(
            ("subscription", embedded(member.subscription, isConsumer, subscription)))
        members.append(("assignment", embedded(member.assignment, isConsumer, assignment)))
        return .object(members)
    }

    /// What consumers embed, decoded; other protocols' bytes only counted.
    private static func embedded(
        _ bytes: ByteSlice, _ isConsumer: Bool, _ decode: (ByteSlice) throws(WireError) -> JSON
    ) -> JSON {
        guard isConsumer else { return .string("\(bytes.count) bytes") }
        do throws(WireError) {
            return try decode(bytes)
        } catch {
            return .string("\(bytes.count) bytes")
        }
    }

    private static func subscription(_ bytes: ByteSlice) throws(WireError) -> JSON {
        let value = try ConsumerSubscription.decode(bytes)
        var members: [(name: String, value: JSON)] = [
            ("topics", .array(value.topics.map { .string($0) })), userData(value.userData),
        ]
        if version(bytes) >= 1 {
            members.append(("ownedPartitions", .array(value.ownedPartitions.map(partitions))))
        }
        if version(bytes) >= 2 {
            members.append(("generationId", .int(Int64(value.generationId))))
        }
        if version(bytes) >= 3 {
            members.append(("rackId", value.rackId.map { .string($0) } ?? .null))
        }
        return .object(members)
    }

    private static func assignment(_ bytes: ByteSlice) throws(WireError) -> JSON {
        let value = try ConsumerAssignment.decode(bytes)
        return .object([
            ("assignedPartitions", .array(value.assignedPartitions.map(partitions))),
            userData(value.userData),
        ])
    }

    private static func userData(_ bytes: ByteSlice?) -> (name: String, value: JSON) {
        ("userData", bytes.map { .string("\($0.count) bytes") } ?? .null)
    }

    private static func partitions(_ value: ConsumerSubscription.TopicPartitions) -> JSON {
        .object([
            ("topic", .string(value.topic)),
            ("partitions", .array(value.partitions.map { .int(Int64($0)) })),
        ])
    }
}
