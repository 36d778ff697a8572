/// The text of `--help`.
package enum HelpText {
    /// Help for the command or group at `path`, or for all of `varve` when it is empty.
    package static func text(_ path: [String], commands: [Command]) -> String {
        if let command = commands.first(where: { $0.path == path }) { return text(command) }
        return path.isEmpty ? overview(commands) : group(path[0], commands)
    }

    private static func overview(_ commands: [Command]) -> String {
        var lines = [
            "Varve: a durable, append-only event log that speaks the Kafka protocol.", "",
            "Usage: varve COMMAND [FLAGS]", "", "Commands:",
        ]
        lines += columns(commands.map { ($0.name, $0.summary) })
        lines += [
            "", "varve COMMAND --help says more of each.",
            "Exit status: 0 done, 1 failed, 2 wrong command line or configuration.",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private static func group(_ name: String, _ commands: [Command]) -> String {
        let members = commands.filter { $0.path[0] == name }
        let lines =
            ["Usage: varve \(name) COMMAND [FLAGS]", "", "Commands:"]
            + columns(members.map { ($0.name, $0.summary) })
            + ["", "varve \(name) COMMAND --help says more of each."]
        return lines.joined(separator: "\n") + "\n"
    }

    private static func text(_ command: Command) -> String {
        let operands = command.operands.isEmpty ? "" : " \(command.operands)"
        var lines = ["Usage: varve \(command.name)\(operands) [FLAGS]", "", command.summary]
        if !command.discussion.isEmpty { lines += ["", command.discussion] }
        lines += ["", "Flags:"]
        lines += columns(
            command.options.filter { !$0.isHidden }.map { option in
                let short = option.names.filter { !$0.hasPrefix("--") }
                let long = option.names.filter { $0.hasPrefix("--") }
                let value = option.value.map { " \($0)" } ?? ""
                return (
                    (short + long).joined(separator: ", ") + value,
                    option.help + (option.repeats ? " (may be repeated)" : "")
                )
            })
        if !command.examples.isEmpty {
            lines += ["", "Examples:"] + command.examples.map { "  \($0)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Two columns; the right one starts at the same place everywhere, or on its own line after a
    /// long left one, and goes on below itself where it is long.
    private static func columns(_ rows: [(String, String)]) -> [String] {
        let width = min(30, rows.map { $0.0.count }.max() ?? 0)
        let indent = String(repeating: " ", count: width + 4)
        var lines: [String] = []
        for (left, right) in rows {
            var pieces = wrapped(right, width: 96 - width)
            if left.count > width {
                lines.append("  " + left)
            } else {
                let space = String(repeating: " ", count: width - left.count + 2)
                lines.append("  " + left + space + pieces.removeFirst())
            }
            lines += pieces.map { indent + $0 }
        }
        return lines
    }

    /// `text` in lines of at most `width` characters, broken at spaces; at least one line.
    private static func wrapped(_ text: String, width: Int) -> [String] {
        var lines = [""]
        for word in text.split(separator: " ") {
            let last = lines[lines.count - 1]
            if last.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if last.count + 1 + word.count <= width {
                lines[lines.count - 1] += " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
