package import VarvePlatform

/// One thing that a verification found not to be as it should, in one file.
package struct Finding: Equatable, Sendable {
    package let kind: Kind
    package let path: String
    /// The first byte concerned; nil where it is the whole file.
    package var position: Int64?
    /// How many bytes from there.
    package var byteCount: Int64?
    package var topic: String?
    package var partition: Int32?
    /// The offsets that cannot be read: from this one up to `nextOffset`.
    package var firstOffset: Int64?
    package var nextOffset: Int64?
    /// What was found there, in words.
    package let detail: String

    package init(
        _ kind: Kind, _ path: String, position: Int64? = nil, byteCount: Int64? = nil,
        firstOffset: Int64? = nil, nextOffset: Int64? = nil, _ detail: String
    ) {
        self.kind = kind
        self.path = path
        self.position = position
        self.byteCount = byteCount
        self.firstOffset = firstOffset
        self.nextOffset = nextOffset
        self.detail = detail
    }

    /// Whether it is only what an unclean stop leaves, and no damage.
    package var isNotice: Bool { kind.isNotice }

    package var json: JSON {
        func number(_ value: Int64?) -> JSON { value.map { .int($0) } ?? .null }
        return .object([
            ("kind", .string(kind.rawValue)), ("path", .string(path)),
            ("position", number(position)), ("bytes", number(byteCount)),
            ("topic", topic.map { .string($0) } ?? .null),
            ("partition", number(partition.map { Int64($0) })),
            ("firstOffset", number(firstOffset)), ("nextOffset", number(nextOffset)),
            ("detail", .string(detail)), ("meaning", .string(kind.meaning)),
            ("remedy", .string(kind.remedy)),
        ])
    }

    /// Whether `other` is the same thing found again.
    func isSame(as other: Finding) -> Bool {
        kind == other.kind && path == other.path && position == other.position
    }
}

extension Finding: CustomStringConvertible {
    /// `kind  path position 17, 300 bytes, offsets 5 to 8: detail`.
    package var description: String {
        var text = "\(kind.rawValue)  \(path)"
        if let position { text += " position \(position)" }
        if let byteCount { text += ", \(byteCount) bytes" }
        if let firstOffset, let nextOffset, nextOffset > firstOffset {
            text +=
                nextOffset == firstOffset + 1
                ? ", offset \(firstOffset)" : ", offsets \(firstOffset) to \(nextOffset - 1)"
        }
        return text + ": \(detail)"
    }
}

extension Finding {
    package enum Kind: String, CaseIterable, Sendable {
        /// A call of the file system failed.
        case unreadable
        case metaDamaged = "meta-damaged"
        case producerIDsDamaged = "producer-ids-damaged"
        case topicDamaged = "topic-damaged"
        case topicConfigurationUnknown = "topic-configuration-unknown"
        case partitionMissing = "partition-missing"
        case markMissing = "mark-missing"
        case markDamaged = "mark-damaged"
        case segmentMissing = "segment-missing"
        case segmentTruncated = "segment-truncated"
        case segmentExtended = "segment-extended"
        case batchDamaged = "batch-damaged"
        case offsetDamaged = "offset-damaged"
        case epochDamaged = "epoch-damaged"
        case recordsDamaged = "records-damaged"
        case indexDamaged = "index-damaged"
        case timeIndexDamaged = "time-index-damaged"
        case transactionIndexDamaged = "transaction-index-damaged"
        case sealMissing = "seal-missing"
        case sealDamaged = "seal-damaged"
        case producersMissing = "producers-missing"
        case producersDamaged = "producers-damaged"
        case checkpointDamaged = "checkpoint-damaged"
        case quarantineDamaged = "quarantine-damaged"
        case journalDamaged = "journal-damaged"
        /// Notices: legal after a power cut, and put right by the next start.
        case tornWrite = "torn-write"
        case tornTail = "torn-tail"

        package var isNotice: Bool { self == .tornWrite || self == .tornTail }

        /// What it means for the records.
        package var meaning: String {
            switch self {
            case .unreadable: "the disk did not give the bytes; what they hold is not known"
            case .metaDamaged: "the broker does not start on this directory; records are unharmed"
            case .producerIDsDamaged:
                "the next start gives producer ids out from the clock on, so that none comes twice"
            case .topicDamaged:
                "the next start makes it anew: the topic's settings and id are lost, its records "
                    + "are not, and nothing is deleted until its retention is set again"
            case .topicConfigurationUnknown:
                "the broker's defaults are in force for the topic, its retention among them"
            case .partitionMissing: "the partition's records are gone"
            case .markMissing:
                "what was durable is not known any more: a lost end of the last segment could not "
                    + "be told from an unclean stop; the next start reads the whole partition"
            case .markDamaged: "the other slot counts; the next start reads more"
            case .segmentMissing: "records that were durable are gone with their file"
            case .segmentTruncated: "records that were durable are gone from the end of the file"
            case .segmentExtended:
                "bytes that the broker did not write stand behind the segment's last batch"
            case .batchDamaged:
                "durable records whose bytes have changed on disk; they are never served"
            case .offsetDamaged:
                "a batch whose offset has changed on disk; its neighbours tell the right one"
            case .epochDamaged:
                "a field outside the checksum is not what the broker writes there: a byte has "
                    + "changed, or another broker wrote the segment; no reader of Varve uses it"
            case .recordsDamaged:
                "the checksum is right, so these are the bytes that a producer sent, but consumers "
                    + "cannot read them"
            case .indexDamaged, .timeIndexDamaged, .transactionIndexDamaged:
                "the index is not used and is built anew from the log when it is needed"
            case .sealMissing, .sealDamaged: "the next start reads the segment from end to end"
            case .producersMissing, .producersDamaged:
                "the next start reads the log to know its idempotent producers again"
            case .checkpointDamaged: "the partition is compacted once more from its start"
            case .quarantineDamaged: "what was set aside earlier is not complete any more"
            case .journalDamaged:
                "acknowledged records may be gone that were in the journal and not yet in their "
                    + "segments"
            case .tornWrite, .tornTail:
                "never acknowledged: what an unclean stop may leave behind the durable mark"
            }
        }

        /// What to do about it.
        package var remedy: String {
            switch self {
            case .unreadable: "check the disk (dmesg, smartctl), copy the directory away"
            case .metaDamaged:
                "restore meta.json from a backup, or move it aside: the directory then gets a new "
                    + "cluster id"
            case .topicDamaged:
                "restore topic.json from a backup; or start the broker and set the topic's "
                    + "settings again (varve topic alter)"
            case .topicConfigurationUnknown:
                "start the version that wrote it, or set the topic's settings again"
            case .partitionMissing, .segmentMissing:
                "restore the files from a backup while the broker is stopped; otherwise the "
                    + "broker goes on behind the gap"
            case .batchDamaged, .segmentTruncated, .segmentExtended, .offsetDamaged:
                "varve log repair: sets the damaged bytes aside in the quarantine and keeps the "
                    + "rest"
            case .epochDamaged, .checkpointDamaged, .producerIDsDamaged: "none is needed"
            case .recordsDamaged:
                "let consumers step over these offsets, or trim the topic behind them"
            case .markMissing, .markDamaged, .indexDamaged, .timeIndexDamaged,
                .transactionIndexDamaged, .sealMissing, .sealDamaged, .producersMissing,
                .producersDamaged:
                "varve log repair, or the next start of the broker, makes it anew"
            case .quarantineDamaged: "none; keep what is there"
            case .journalDamaged:
                "the next start takes what is whole and keeps the damaged bytes in the quarantine"
            case .tornWrite, .tornTail: "none is needed: the next start sets it aside"
            }
        }
    }
}
