/// Reads command lines.
///
/// Flags and operands may stand in any order. `--name value`, `--name=value`, `-n value`, `-nvalue`
/// and, for switches, `-eq` for `-e -q`. A value may begin with a dash (`--offset -10`). `--` ends
/// the flags; `-` alone is an operand (standard input, by custom). A flag that does not exist is
/// refused with the nearest one named, never ignored.
package enum ArgumentParser {
    /// What a command line asks for.
    package enum Request: Sendable {
        case run(Command, Arguments)
        /// Print help for these words, all of `varve` where there are none.
        case help([String])
    }

    /// Finds the command in `words` (without the program's name) and checks its flags.
    package static func parse(
        _ words: [String], commands: [Command]
    ) throws(CommandError) -> Request {
        let path = Array(words.prefix { !$0.hasPrefix("-") })
        if path.first == "help" {
            return .help(try existing(Array(path.dropFirst()), commands))
        }
        guard let first = words.first else {
            throw .usage("a command is missing: varve --help lists them")
        }
        if ["--help", "-h"].contains(first) { return .help([]) }
        if first == "--version" { return try parse(["version"], commands: commands) }
        let longest = commands.filter { path.starts(with: $0.path) }.max {
            $0.path.count < $1.path.count
        }
        guard let command = longest else {
            if words.contains("--help") || words.contains("-h") {
                return .help(try existing(path, commands))
            }
            throw unknown(path.isEmpty ? [first] : path, commands)
        }
        let rest = Array(words.dropFirst(command.path.count))
        let arguments = try flags(rest, of: command)
        if arguments.has(.help) { return .help(command.path) }
        guard command.operandCount.contains(arguments.operands.count) else {
            let extra = arguments.operands.count > command.operandCount.upperBound
            throw .usage(
                extra
                    ? "\(command.name) does not take "
                        + "\"\(arguments.operands[command.operandCount.upperBound])\""
                    : "\(command.name) needs \(command.operands)")
        }
        return .run(command, arguments)
    }

    /// Sorts `words` into the flags of `command` and operands.
    static func flags(
        _ words: [String], of command: Command
    ) throws(CommandError) -> Arguments {
        var arguments = Arguments(command: command.name)
        var index = 0
        func find(_ name: String) -> Option? {
            command.options.first { $0.names.contains(name) }
        }
        func set(_ option: Option, _ value: String, _ name: String) throws(CommandError) {
            if !option.repeats, option.value != nil, arguments.has(option) {
                throw .usage("\(name) is given twice")
            }
            arguments.values[option.name, default: []].append(value)
        }
        func next(for name: String, _ option: Option) throws(CommandError) -> String {
            index += 1
            guard index < words.count else {
                throw .usage("\(name) needs a value: \(option.value ?? "")")
            }
            return words[index]
        }
        while index < words.count {
            let word = words[index]
            if word == "--" {
                arguments.operands += words[(index + 1)...]
                break
            } else if word.hasPrefix("--") {
                let equals = word.firstIndex(of: "=")
                let name = String(word[..<(equals ?? word.endIndex)])
                guard let option = find(name) else { throw unknown(name, command) }
                if option.value == nil {
                    if equals != nil { throw .usage("\(name) takes no value") }
                    try set(option, "", name)
                } else if let equals {
                    try set(option, String(word[word.index(after: equals)...]), name)
                } else {
                    try set(option, try next(for: name, option), name)
                }
            } else if word.hasPrefix("-"), word.count > 1 {
                var letters = word.dropFirst()
                while let letter = letters.popFirst() {
                    let name = "-\(letter)"
                    guard let option = find(name) else { throw unknown(name, command) }
                    if option.value == nil {
                        try set(option, "", name)
                    } else {
                        let glued = letters.first == "=" ? letters.dropFirst() : letters
                        let value =
                            letters.isEmpty ? try next(for: name, option) : String(glued)
                        try set(option, value, name)
                        break
                    }
                }
            } else {
                arguments.operands.append(word)
            }
            index += 1
        }
        return arguments
    }

    private static func unknown(_ name: String, _ command: Command) -> CommandError {
        let names = command.options.filter { !$0.isHidden }.flatMap(\.names)
        return .usage(
            "\(command.name) has no flag \(name)" + NearestName.hint(name, in: names))
    }

    private static func unknown(_ path: [String], _ commands: [Command]) -> CommandError {
        let groups = Set(commands.filter { $0.path.count > 1 }.map { $0.path[0] })
        if groups.contains(path[0]) {
            let verbs = commands.filter { $0.path[0] == path[0] }.map { $0.path[1] }
            let list = verbs.joined(separator: ", ")
            guard path.count > 1 else { return .usage("\(path[0]) needs one of: \(list)") }
            return .usage(
                "\(path[0]) has no \"\(path[1])\"" + NearestName.hint(path[1], in: verbs)
                    + "; it has \(list)")
        }
        let names = groups.union(commands.map { $0.path[0] }).sorted()
        return .usage("there is no command \"\(path[0])\"" + NearestName.hint(path[0], in: names))
    }

    /// `path` cut to the words that name a command or a group of them.
    private static func existing(
        _ path: [String], _ commands: [Command]
    ) throws(CommandError) -> [String] {
        var known: [String] = []
        for word in path {
            guard commands.contains(where: { $0.path.starts(with: known + [word]) }) else {
                if known.isEmpty { throw unknown(path, commands) }
                break
            }
            known.append(word)
        }
        return known
    }
}
