package import VarvePlatform
package import VarveWire

/// A group of either protocol as ListGroups and the HTTP pages show it.
package struct GroupListing: Sendable {
    package enum Kind: String, Sendable {
        case classic
        case consumer
    }

    package let id: String
    package let kind: Kind
    /// Kafka's name of the state, such as "Stable".
    package let state: String
    /// Empty for a group without members that only keeps offsets.
    package let protocolType: String
    package let memberCount: Int

    init(_ state: GroupEntry.State) {
        id = state.group.id
        if let group = state.consumers?.group {
            kind = .consumer
            self.state = group.state.rawValue
            protocolType = Group.consumerProtocolType
            memberCount = group.members.count
        } else {
            kind = .classic
            self.state = state.group.state.rawValue
            protocolType = state.group.protocolType ?? ""
            memberCount = state.group.members.count
        }
    }
}

/// A group of the classic protocol as DescribeGroups shows it.
package struct GroupDescription: Sendable {
    package let id: String
    package let state: GroupState
    /// Empty for a group without members that only keeps offsets.
    package let protocolType: String
    /// The protocol in force; empty unless the group is stable.
    package let protocolName: String
    package let members: [Member]

    package struct Member: Sendable {
        package let id: String
        package let instanceID: String?
        package let clientID: String
        package let clientHost: String
        /// Both empty unless the group is stable.
        package let metadata: ByteSlice
        package let assignment: ByteSlice
    }

    init(_ group: Group) {
        let isStable = group.state == .stable
        id = group.id
        state = group.state
        protocolType = group.protocolType ?? ""
        protocolName = isStable ? group.protocolName ?? "" : ""
        members = group.membersByAge.map { member in
            Member(
                id: member.id, instanceID: member.instanceID, clientID: member.clientID,
                clientHost: member.clientHost,
                metadata: isStable ? member.metadata(for: group.protocolName) : ByteSlice(),
                assignment: isStable ? member.assignment : ByteSlice())
        }
    }
}

/// The verbs of administrators: describe, list, delete.
extension GroupCoordinator {
    /// The group; nil when there is none of that name, or it is of the consumer protocol.
    package func describe(_ groupID: String) -> GroupDescription? {
        act(on: groupID) { state, _, _ in
            state.consumers == nil ? GroupDescription(state.group) : nil
        } ?? nil
    }

    /// All groups, by id.
    package func list() -> [GroupListing] {
        entries.compactMap { entry in
            entry.state.withLock { $0.group.state == .dead ? nil : GroupListing($0) }
        }.sorted { $0.id < $1.id }
    }

    /// Every group's durable offsets, for metrics and status.
    package func allCommittedOffsets() -> [(group: String, offsets: CommittedOffsets)] {
        entries.map { entry in (entry.id, entry.state.withLock { $0.offsets }) }
    }

    /// DeleteGroups, for one group: its offsets and itself. `completion` is called once, from any
    /// thread, when that is durable.
    package func delete(
        _ groupID: String, _ completion: @escaping @Sendable (ErrorCode) -> Void
    ) {
        if groupID.isEmpty { return completion(.invalidGroupId) }
        if let error = unavailability(of: groupID) { return completion(error) }
        guard let entry = entry(of: groupID) else { return completion(.groupIdNotFound) }
        let outcome = act(on: entry) {
            state, time, _ -> Result<AppendedBatch?, GroupFailure> in
            switch state.group.state {
            case .dead: return .failure(GroupFailure(code: .groupIdNotFound))
            case .preparingRebalance, .completingRebalance, .stable:
                return .failure(GroupFailure(code: .nonEmptyGroup))
            case .empty where state.hasMembers:
                return .failure(GroupFailure(code: .nonEmptyGroup))
            case .empty: break
            }
            let outcome = removeGroup(entry, &state, at: time)
            if case .success = outcome { bury(entry, &state, at: time) }
            return outcome
        }
        switch outcome {
        case .failure(let failure): completion(failure.code)
        case .success(nil): completion(.none)
        case .success(let appended?): settle(appended, of: groupID, completion)
        }
    }

    /// Appends tombstones for everything the group has in `__consumer_offsets`.
    func removeGroup(
        _ entry: GroupEntry, _ state: inout GroupEntry.State, at time: GroupTime
    ) -> Result<AppendedBatch?, GroupFailure> {
        var changes: [GroupEntry.State.Change] = []
        for (topic, partitions) in state.partitionsInLog {
            for partition in partitions {
                changes.append(.init(topic: topic, partition: partition, value: nil))
            }
        }
        return change(
            changes, of: entry.id, &state, at: time, deletesGroup: state.isRecorded)
    }
}
