internal import VarvePlatform
internal import VarveRecords

/// One line of a dump: Kafka's words for people, one JSON object for programs.
package struct LogDumpLine: Sendable {
    package enum Form: Sendable {
        /// As `kafka-dump-log.sh` prints it (kafka.tools.DumpLogSegments).
        case text
        case json
    }

    /// Without its newline.
    package let text: String
    /// Whether it tells of something wrong, and belongs on standard error in the text form.
    package let isComplaint: Bool

    init(_ text: String, isComplaint: Bool = false) {
        self.text = text
        self.isComplaint = isComplaint
    }

    /// A line of `name: value` pairs, or a JSON object of `type` and the same pairs.
    init(_ type: String, _ members: [(name: String, value: JSON)], _ form: Form) {
        switch form {
        case .json: text = JSON.object([("type", .string(type))] + members).text()
        case .text:
            text = members.map { "\($0.name): \(Self.plain($0.value))" }.joined(separator: " ")
        }
        isComplaint = false
    }

    /// As Java prints such values.
    private static func plain(_ value: JSON) -> String {
        switch value {
        case .string(let text): text
        case .int(let number): "\(number)"
        case .bool(let flag): "\(flag)"
        case .null: "OptionalLong.empty"
        case .array(let values): "[" + values.map(plain).joined(separator: ",") + "]"
        case .double, .object: value.text()
        }
    }

    // MARK: Batches and records

    static func batch(
        _ header: RecordBatchHeader, at position: Int64, isValid: Bool, _ form: Form
    ) -> LogDumpLine {
        let attributes = header.attributes
        let codec = attributes.codec?.name ?? "unknown(\(attributes.rawValue & 7))"
        let timeName = attributes.usesAppendTime ? "LogAppendTime" : "CreateTime"
        let head: [(name: String, value: JSON)] = [
            ("baseOffset", .int(header.baseOffset)), ("lastOffset", .int(header.lastOffset)),
            ("count", .int(Int64(header.recordCount))),
            ("baseSequence", .int(Int64(header.baseSequence))),
            ("lastSequence", .int(Int64(header.lastSequence))),
            ("producerId", .int(header.producerID)),
            ("producerEpoch", .int(Int64(header.producerEpoch))),
            ("partitionLeaderEpoch", .int(Int64(header.partitionLeaderEpoch))),
            ("isTransactional", .bool(attributes.isTransactional)),
            ("isControl", .bool(attributes.isControl)),
        ]
        let tail: [(name: String, value: JSON)] = [
            ("size", .int(Int64(header.totalByteCount))), ("magic", .int(2)),
            ("compresscodec", .string(codec)), ("crc", .int(Int64(header.checksum))),
            ("isvalid", .bool(isValid)),
        ]
        // With the delete horizon bit the base timestamp is that horizon (KIP-534).
        let horizon = attributes.hasDeleteHorizon ? header.baseTimestamp : nil
        switch form {
        case .text:
            let horizonText = horizon.map { "OptionalLong[\($0)]" } ?? "OptionalLong.empty"
            return LogDumpLine(
                "batch",
                head + [
                    ("deleteHorizonMs", .string(horizonText)), ("position", .int(position)),
                    (timeName, .int(header.maxTimestamp)),
                ] + tail, form)
        case .json:
            return LogDumpLine(
                "batch",
                head + [
                    ("deleteHorizonMs", horizon.map { .int($0) } ?? .null),
                    ("position", .int(position)), ("timestampType", .string(timeName)),
                    ("timestamp", .int(header.maxTimestamp)),
                ] + tail, form)
        }
    }

    /// - Parameter contents: what to show for key and value; nil for neither.
    static func record(
        _ record: Record, of header: RecordBatchHeader, _ contents: LogDump.Contents?,
        withMetadata: Bool, _ form: Form
    ) -> LogDumpLine {
        switch form {
        case .text: text(record, of: header, contents, withMetadata: withMetadata)
        case .json: json(record, of: header, contents)
        }
    }

    private static func sequence(_ record: Record, _ header: RecordBatchHeader) -> Int32 {
        guard header.baseSequence >= 0 else { return -1 }
        let delta = record.offset &- header.baseOffset
        return Int32((Int64(header.baseSequence) &+ delta) & 0x7FFF_FFFF)
    }

    private static func text(
        _ record: Record, of header: RecordBatchHeader, _ contents: LogDump.Contents?,
        withMetadata: Bool
    ) -> LogDumpLine {
        var line = "|"
        if withMetadata {
            let timeName = header.attributes.usesAppendTime ? "LogAppendTime" : "CreateTime"
            line +=
                " offset: \(record.offset) \(timeName): \(record.timestamp) "
                + "keySize: \(record.key?.count ?? -1) valueSize: \(record.value?.count ?? -1) "
                + "sequence: \(sequence(record, header)) headerKeys: ["
                + record.headers.map(\.name.string).joined(separator: ",") + "]"
            if header.attributes.isControl { line += control(record) }
        }
        if let contents, !header.attributes.isControl {
            switch contents {
            case .bytes:
                if let key = record.key { line += " key: \(key.string)" }
                if let value = record.value { line += " payload: \(value.string)" }
            case .decoded(let key, let payload):
                line += " key: \(key)"
                if let payload { line += " payload: \(payload)" }
            }
        }
        return LogDumpLine(line)
    }

    private static func control(_ record: Record) -> String {
        guard let type = ControlType(key: record.key), let epoch = coordinatorEpoch(record) else {
            return " controlType: UNKNOWN"
        }
        return " endTxnMarker: \(type == .commit ? "COMMIT" : "ABORT") coordinatorEpoch: \(epoch)"
    }

    private static func coordinatorEpoch(_ record: Record) -> Int32? {
        guard let value = record.value, value.count >= 6 else { return nil }
        var reader = ByteReader(value, at: 2)
        return try? reader.int32()
    }

    private static func json(
        _ record: Record, of header: RecordBatchHeader, _ contents: LogDump.Contents?
    ) -> LogDumpLine {
        var members: [(name: String, value: JSON)] = [
            ("offset", .int(record.offset)), ("timestamp", .int(record.timestamp)),
            ("keySize", .int(Int64(record.key?.count ?? -1))),
            ("valueSize", .int(Int64(record.value?.count ?? -1))),
            ("sequence", .int(Int64(sequence(record, header)))),
        ]
        if header.attributes.isControl {
            if let type = ControlType(key: record.key), let epoch = coordinatorEpoch(record) {
                members.append(("endTxnMarker", .string(type == .commit ? "COMMIT" : "ABORT")))
                members.append(("coordinatorEpoch", .int(Int64(epoch))))
            }
        } else {
            members += headers(record, withValues: contents != nil)
            switch contents {
            case nil: break
            case .bytes:
                members += bytes("key", record.key) + bytes("value", record.value)
            case .decoded(let key, let payload):
                members.append(("key", .string(key)))
                members.append(("value", payload.map { .string($0) } ?? .null))
            }
        }
        return LogDumpLine("record", members, .json)
    }

    private static func headers(
        _ record: Record, withValues: Bool
    ) -> [(name: String, value: JSON)] {
        guard withValues else {
            return [("headerKeys", .array(record.headers.map { .string($0.name.string) }))]
        }
        return [
            (
                "headers",
                .array(
                    record.headers.map { header in
                        .object(
                            [("key", .string(header.name.string))]
                                + bytes("value", header.value))
                    })
            )
        ]
    }

    /// Bytes that are not UTF-8 stand in base64 under another name, so that nothing is lost.
    private static func bytes(
        _ name: String, _ bytes: ByteSlice?
    ) -> [(name: String, value: JSON)] {
        guard let bytes else { return [(name, .null)] }
        if let text = bytes.validString { return [(name, .string(text))] }
        return [(name + "Base64", .string(bytes.base64))]
    }
}

extension ByteSlice {
    /// The bytes in base64, with padding. Source: RFC 4648, section 4.
    fileprivate var base64: String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        text.reserveCapacity((count + 2) / 3 * 4)
        withUnsafeBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let there = min(3, bytes.count - start)
                var group: UInt32 = 0
                for index in 0..<3 {
                    group = group << 8 | (index < there ? UInt32(bytes[start + index]) : 0)
                }
                for index in 0..<4 {
                    text.append(
                        index <= there
                            ? digits[Int(group >> (18 - 6 * UInt32(index)) & 63)]
                            : UInt8(ascii: "="))
                }
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
