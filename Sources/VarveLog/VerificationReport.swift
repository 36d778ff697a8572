package import VarvePlatform

/// What a verification read and found.
package struct VerificationReport: Sendable {
    /// Damage and contradictions; empty for a clean directory. In the order of the walk.
    package internal(set) var findings: [Finding] = []
    /// What an unclean stop left and the next start puts right: no damage.
    package internal(set) var notices: [Finding] = []
    /// Smaller things, as sentences.
    package internal(set) var notes: [String] = []
    /// What recoveries have set aside so far.
    package internal(set) var quarantine: [QuarantinedPiece] = []
    /// Batches whose records were not looked at, by the reason.
    package internal(set) var unread: [String: Int64] = [:]
    package internal(set) var topicCount = 0
    package internal(set) var partitionCount = 0
    package internal(set) var segmentCount = 0
    package internal(set) var batchCount: Int64 = 0
    package internal(set) var recordCount: Int64 = 0
    package internal(set) var bytesRead: Int64 = 0

    package init() {}

    package var isClean: Bool { findings.isEmpty }

    mutating func add(_ other: VerificationReport) {
        findings += other.findings
        notices += other.notices
        notes += other.notes
        quarantine += other.quarantine
        unread.merge(other.unread) { $0 + $1 }
        topicCount += other.topicCount
        partitionCount += other.partitionCount
        segmentCount += other.segmentCount
        batchCount += other.batchCount
        recordCount += other.recordCount
        bytesRead += other.bytesRead
    }

    /// One document for programs.
    package var json: JSON {
        .object([
            ("clean", .bool(isClean)), ("findings", .array(findings.map(\.json))),
            ("notices", .array(notices.map(\.json))),
            ("notes", .array(notes.map { .string($0) })),
            ("quarantine", .array(quarantine.map(\.json))),
            (
                "unreadBatches",
                .object(
                    unread.sorted { $0.key < $1.key }
                        .map { (name: $0.key, value: .int($0.value)) })
            ),
            ("topics", .int(Int64(topicCount))), ("partitions", .int(Int64(partitionCount))),
            ("segments", .int(Int64(segmentCount))), ("batches", .int(batchCount)),
            ("records", .int(recordCount)), ("bytesRead", .int(bytesRead)),
        ])
    }
}

/// A piece that a recovery set aside (I7), as its report says.
package struct QuarantinedPiece: Equatable, Sendable {
    /// The report's file, `….json`; the copy is `….bytes` beside it.
    package let path: String
    /// The members of the report, in its order.
    package let members: JSON

    package var json: JSON {
        .object([("report", .string(path))] + (members.members ?? []))
    }

    /// `torn-tail events-0, 300 bytes of ….log at 17, offsets 5 to 8 missing, found …`.
    package var text: String {
        func text(_ name: String) -> String { members[name]?.string ?? "?" }
        func number(_ name: String) -> String { members[name]?.int.map { "\($0)" } ?? "?" }
        return "\(text("kind"))  \(text("topic"))-\(number("partition")), \(number("bytes")) bytes "
            + "of \(text("segment")) position \(number("position")), offsets from "
            + "\(number("firstMissingOffset")) to before \(number("nextOffset")), found "
            + "\(text("found")); kept in \(path.dropLast(5)).bytes"
    }
}
