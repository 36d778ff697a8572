internal import VarveClient
internal import VarveWire

/// `varve group list|describe|reset-offsets`, as kafka-consumer-groups.
enum GroupCommands {
    static let commands = [list, describe, GroupResetCommand.command]

    static let group = Option(
        "--group", "-g", value: "NAME", repeats: true, help: "the group, also without the flag")

    // MARK: list

    private static let withState = Option("--state", help: "also how each group is")

    static let list = Command(
        "group", "list", summary: "List consumer groups.",
        options: [withState, .json] + Session.options
    ) { (arguments) throws(CommandError) in
        try await Session.open(arguments) { (session) throws(CommandError) in
            let groups = try await session.asking { () throws(ClientError) in
                try await session.admin.listGroups()
            }.sorted { $0.groupID < $1.groupID }
            if arguments.has(.json) {
                Output.standard.write(
                    JSONOutput.document(
                        groups.map {
                            Listed(
                                group: $0.groupID, state: $0.state, type: $0.protocolType,
                                groupType: $0.groupType)
                        }))
            } else if arguments.has(withState) {
                var table = Table(("GROUP", .left), ("STATE", .left))
                for group in groups { table.row(group.groupID, group.state) }
                Output.standard.write(table.text)
            } else {
                for group in groups { Output.standard.line(group.groupID) }
            }
        }
    }

    private struct Listed: Encodable {
        let group: String
        let state: String
        let type: String
        let groupType: String
    }

    // MARK: describe

    private static let all = Option("--all-groups", help: "every group")
    private static let members = Option("--members", help: "the members instead of the offsets")
    private static let state = Option("--state", help: "one line a group instead of the offsets")
    private static let verbose = Option(
        "--verbose", help: "with --members: each member's partitions")
    private static let offsets = Option("--offsets", help: "the offsets and lags; the default")

    static let describe = Command(
        "group", "describe", summary: "Show groups' offsets and lags, members or state.",
        operands: "[NAME...]", operandCount: 0...1000,
        options: [group, all, offsets, members, state, verbose, .json] + Session.options,
        examples: ["varve group describe varve-search", "varve group describe --all-groups --state"]
    ) { (arguments) throws(CommandError) in
        try await Session.open(arguments) { (session) throws(CommandError) in
            let found = try await descriptions(arguments, session)
            var details: [GroupDetail] = []
            for description in found {
                details.append(try await GroupDetail.read(description, session))
            }
            if arguments.has(.json) {
                Output.standard.write(JSONOutput.document(details))
            } else if arguments.has(members) {
                Output.standard.write(
                    GroupDetail.membersTable(details, verbose: arguments.has(verbose)))
            } else if arguments.has(state) {
                Output.standard.write(GroupDetail.stateTable(details))
            } else {
                for detail in details where detail.members.isEmpty {
                    Output.standard.flush()
                    Output.error("Consumer group '\(detail.group)' has no active members.")
                }
                Output.standard.write(GroupDetail.offsetsTable(details))
            }
        }
    }

    /// The groups that the command line names, every one of which must exist.
    private static func descriptions(
        _ arguments: Arguments, _ session: Session
    ) async throws(CommandError) -> [GroupDescription] {
        var names = arguments.operands + arguments.strings(group)
        if arguments.has(all) {
            names = try await session.asking { () throws(ClientError) in
                try await session.admin.listGroups()
            }.map(\.groupID).sorted()
            if names.isEmpty { return [] }
        }
        guard !names.isEmpty else { throw .usage("group describe needs a NAME or --all-groups") }
        let wanted = names
        let found = try await session.asking { () throws(ClientError) in
            try await session.admin.describeGroups(wanted)
        }
        for description in found where description.state == "Dead" {
            throw try await missing(description.groupID, session)
        }
        return wanted.compactMap { name in found.first { $0.groupID == name } }
    }

    /// What to say of a group that is not there.
    static func missing(
        _ name: String, _ session: Session
    ) async throws(CommandError) -> CommandError {
        let all = try await session.asking { () throws(ClientError) in
            try await session.admin.listGroups()
        }
        return .failed(
            "there is no group \"\(name)\"" + NearestName.hint(name, in: all.map(\.groupID)))
    }
}
