import Testing

@testable import varve

/// A small tree of commands that shows every kind of flag.
private let tree: [Command] = [
    Command(
        "topic", "create", summary: "Create.", operands: "NAME", operandCount: 0...1,
        options: [
            Option("--topic", "-t", value: "NAME", help: "the topic"),
            Option("--partitions", "-p", value: "N", help: "how many"),
            Option("--set", value: "NAME=VALUE", repeats: true, help: "a setting"),
            Option("--quiet", "-q", help: "say nothing"), Option("--exit", "-e", help: "end"),
            Option("--secret", hidden: true, help: "between processes"),
        ]
    ) { (_) throws(CommandError) in },
    Command("topic", "list", summary: "List.", options: [.json]) { (_) throws(CommandError) in },
    Command("status", summary: "Status.", options: []) { (_) throws(CommandError) in },
]

private func arguments(_ words: String...) throws -> Arguments {
    guard case .run(_, let arguments) = try ArgumentParser.parse(words, commands: tree) else {
        throw CommandError.failed("not a command but help")
    }
    return arguments
}

private func refusal(_ words: String...) -> String? {
    do {
        _ = try ArgumentParser.parse(words, commands: tree)
        return nil
    } catch {
        guard case .usage(let message) = error else { return nil }
        return message
    }
}

private let topic = Option("--topic", value: "NAME", help: "")
private let partitions = Option("--partitions", value: "N", help: "")
private let set = Option("--set", value: "NAME=VALUE", help: "")
private let quiet = Option("--quiet", help: "")
private let exit = Option("--exit", help: "")

@Suite struct ArgumentParserTests {
    @Test(arguments: [
        ["topic", "create", "--topic", "zeek", "--partitions", "6"],
        ["topic", "create", "--topic=zeek", "--partitions=6"],
        ["topic", "create", "-t", "zeek", "-p", "6"],
        ["topic", "create", "-tzeek", "-p6"],
        ["topic", "create", "-p=6", "-t=zeek"],
    ])
    func everyWayOfWritingAFlagMeansTheSame(words: [String]) throws {
        guard case .run(let command, let found) = try ArgumentParser.parse(words, commands: tree)
        else {
            Issue.record("help")
            return
        }
        #expect(command.name == "topic create")
        #expect(found.string(topic) == "zeek")
        #expect(try found.integer(partitions) == 6)
    }

    @Test func switchesCanShareOneDash() throws {
        let found = try arguments("topic", "create", "-qet", "zeek")
        #expect(found.has(quiet) && found.has(exit))
        #expect(found.string(topic) == "zeek")
    }

    @Test func repeatedSettingsAreAllKeptInOrder() throws {
        let found = try arguments("topic", "create", "--set", "a=1", "--set=b=2=3", "--set", "c=")
        #expect(found.strings(set) == ["a=1", "b=2=3", "c="])
        #expect(try found.pairs(set) == ["a": "1", "b": "2=3", "c": ""])
    }

    @Test func aValueMayBeginWithADash() throws {
        let found = try arguments("topic", "create", "-p", "-10")
        #expect(try found.integer(partitions, in: -100...100) == -10)
    }

    @Test func wordsAfterTwoDashesAreOperands() throws {
        #expect(try arguments("topic", "create", "--", "--topic").operands == ["--topic"])
        #expect(try arguments("topic", "create", "-").operands == ["-"])
    }

    @Test func unknownFlagsAreRefusedWithTheNearestKnownOne() {
        #expect(
            refusal("topic", "create", "--partition", "6")
                == "topic create has no flag --partition (did you mean --partitions?)")
        #expect(
            refusal("topic", "create", "--tpoic", "x")
                == "topic create has no flag --tpoic (did you mean --topic?)")
        #expect(refusal("topic", "create", "--zzzzzzzz") == "topic create has no flag --zzzzzzzz")
        #expect(refusal("topic", "create", "-x") != nil)
    }

    @Test func hiddenFlagsAreNeverSuggested() {
        #expect(refusal("topic", "create", "--secre") == "topic create has no flag --secre")
    }

    @Test func unknownCommandsAreRefusedWithTheNearestKnownOne() {
        #expect(refusal("topci", "create") == "there is no command \"topci\" (did you mean topic?)")
        #expect(
            refusal("topic", "craete")
                == "topic has no \"craete\" (did you mean create?); it has create, list")
        #expect(refusal("topic") == "topic needs one of: create, list")
        #expect(refusal() == "a command is missing: varve --help lists them")
    }

    @Test func wrongUseOfAFlagIsRefused() {
        #expect(refusal("topic", "create", "--topic") == "--topic needs a value: NAME")
        #expect(refusal("topic", "create", "--quiet=1") == "--quiet takes no value")
        #expect(
            refusal("topic", "create", "--topic", "a", "-t", "b") == "-t is given twice")
        #expect(refusal("topic", "create", "a", "b") == "topic create does not take \"b\"")
        #expect(refusal("topic", "list", "a") == "topic list does not take \"a\"")
    }

    @Test func wrongValuesAreRefusedWithTheFlagsName() throws {
        let found = try arguments("topic", "create", "-p", "six", "--set", "novalue")
        #expect(throws: CommandError.usage("--partitions: \"six\" is not a whole number")) {
            try found.integer(partitions)
        }
        #expect(throws: CommandError.usage("--set: \"novalue\" is not name=value")) {
            try found.pairs(set)
        }
        let zero = try arguments("topic", "create", "-p", "0")
        #expect(throws: CommandError.usage("--partitions: 0 is not 1 to 10")) {
            try zero.integer(partitions, in: 1...10)
        }
        #expect(throws: CommandError.usage("topic create needs --topic NAME")) {
            try found.required(topic)
        }
    }

    @Test(arguments: [
        (["--help"], []), (["help"], []), (["topic", "--help"], ["topic"]),
        (["help", "topic", "list"], ["topic", "list"]),
        (["topic", "create", "-t", "x", "--help"], ["topic", "create"]),
        (["topic", "create", "a", "-h"], ["topic", "create"]),
    ])
    func helpIsThereForEverything(words: [String], path: [String]) throws {
        guard case .help(let found) = try ArgumentParser.parse(words, commands: tree) else {
            Issue.record("not help: \(words)")
            return
        }
        #expect(found == path)
    }

    @Test func everyCommandOfVarveHasCompleteHelp() {
        let commands = CommandLineProgram.commands
        #expect(Set(commands.map(\.name)).count == commands.count)
        for command in commands {
            let text = HelpText.text(command.path, commands: commands)
            #expect(text.hasPrefix("Usage: varve \(command.name)"))
            for option in command.options where !option.isHidden {
                #expect(text.contains(option.name), "\(command.name) \(option.name)")
            }
            let names = command.options.flatMap(\.names)
            #expect(Set(names).count == names.count, "\(command.name) has a flag twice: \(names)")
            #expect(
                text.split(separator: "\n").allSatisfy { $0.count <= 100 }, "\(command.name)")
        }
        let overview = HelpText.text([], commands: commands)
        for command in commands { #expect(overview.contains("  \(command.name) ")) }
    }
}
