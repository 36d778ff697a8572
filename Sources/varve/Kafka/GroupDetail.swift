internal import VarveClient

/// A group with its offsets and lags, as the tables of kafka-consumer-groups show it.
struct GroupDetail: Encodable, Sendable {
    struct Partition: Encodable, Sendable {
        let topic: String
        let partition: Int32
        /// Nil where nothing is committed.
        let currentOffset: Int64?
        let logEndOffset: Int64
        /// Nil where nothing is committed.
        let lag: Int64?
        /// Of the member that has the partition, where one has.
        let consumerID: String?
        let host: String?
        let clientID: String?
    }
    struct Member: Encodable, Sendable {
        let consumerID: String
        let host: String
        let clientID: String
        let partitions: [String]
    }

    let group: String
    let state: String
    let assignor: String
    let coordinator: Int32
    let members: [Member]
    let partitions: [Partition]
    /// Of all partitions with a committed offset.
    let lag: Int64

    /// Asks for the offsets of the group that `description` is about.
    static func read(
        _ description: GroupDescription, _ session: Session
    ) async throws(CommandError) -> GroupDetail {
        let committed = try await session.asking { () throws(ClientError) in
            try await session.admin.groupOffsets(description.groupID)
        }.filter { $0.value.offset >= 0 }
        var owners: [TopicPartition: GroupMember] = [:]
        for member in description.members {
            for partition in member.assignment { owners[partition] = member }
        }
        let partitions = Set(committed.keys).union(owners.keys).sorted()
        let ends = try await session.endsOfExisting(partitions)
        let rows = partitions.compactMap { partition -> Partition? in
            // A topic that was deleted since has no end, and no lag either.
            guard let end = ends[partition] else { return nil }
            let owner = owners[partition]
            let offset = committed[partition]?.offset
            return Partition(
                topic: partition.topic, partition: partition.partition, currentOffset: offset,
                logEndOffset: end, lag: offset.map { max(0, end - $0) },
                consumerID: owner?.memberID, host: owner?.host, clientID: owner?.clientID)
        }
        return GroupDetail(
            group: description.groupID, state: description.state, assignor: description.assignor,
            coordinator: description.coordinator,
            members: description.members.map { member in
                Member(
                    consumerID: member.memberID, host: member.host, clientID: member.clientID,
                    partitions: member.assignment.sorted().map(\.description))
            }, partitions: rows, lag: rows.reduce(0) { $0 + ($1.lag ?? 0) })
    }

    static func offsetsTable(_ groups: [GroupDetail]) -> String {
        var table = Table(
            ("GROUP", .left), ("TOPIC", .left), ("PARTITION", .right), ("CURRENT-OFFSET", .right),
            ("LOG-END-OFFSET", .right), ("LAG", .right), ("CONSUMER-ID", .left), ("HOST", .left),
            ("CLIENT-ID", .left))
        for group in groups {
            for row in group.partitions {
                table.row(
                    group.group, row.topic, "\(row.partition)",
                    row.currentOffset.map(String.init) ?? "", "\(row.logEndOffset)",
                    row.lag.map(String.init) ?? "", row.consumerID ?? "", row.host ?? "",
                    row.clientID ?? "")
            }
        }
        return table.text
    }

    static func membersTable(_ groups: [GroupDetail], verbose: Bool) -> String {
        let columns: [(String, Table.Alignment)] = [
            ("GROUP", .left), ("CONSUMER-ID", .left), ("HOST", .left), ("CLIENT-ID", .left),
            ("#PARTITIONS", .right), ("ASSIGNMENT", .left),
        ]
        var table = Table(verbose ? columns : columns.dropLast())
        for group in groups {
            for member in group.members {
                let cells = [
                    group.group, member.consumerID, member.host, member.clientID,
                    "\(member.partitions.count)", member.partitions.joined(separator: ", "),
                ]
                table.row(verbose ? cells : cells.dropLast())
            }
        }
        return table.text
    }

    static func stateTable(_ groups: [GroupDetail]) -> String {
        var table = Table(
            ("GROUP", .left), ("COORDINATOR (ID)", .right), ("ASSIGNMENT-STRATEGY", .left),
            ("STATE", .left), ("#MEMBERS", .right), ("LAG", .right))
        for group in groups {
            table.row(
                group.group, "\(group.coordinator)", group.assignor, group.state,
                "\(group.members.count)", "\(group.lag)")
        }
        return table.text
    }
}

extension Session {
    /// The ends of those of `partitions` whose topics exist.
    func endsOfExisting(
        _ partitions: [TopicPartition]
    ) async throws(CommandError) -> [TopicPartition: Int64] {
        guard !partitions.isEmpty else { return [:] }
        let existing = Set(
            try await asking { () throws(ClientError) in try await admin.topics() }
                .flatMap(\.topicPartitions))
        return try await ends(partitions.filter(existing.contains)).mapValues(\.end)
    }
}
