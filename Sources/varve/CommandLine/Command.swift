/// Why a command could not do what was asked, and with which status the program leaves.
package enum CommandError: Error, Equatable, Sendable {
    /// The command line or the configuration is wrong: status 2. Nothing was done.
    case usage(String)
    /// The command line was right but the thing could not be done: status 1.
    case failed(String)

    /// The program's exit status.
    package var status: Int32 {
        switch self {
        case .usage: 2
        case .failed: 1
        }
    }

    package var message: String {
        switch self {
        case .usage(let message), .failed(let message): message
        }
    }
}

/// One command of `varve`: its place in the tree, its flags, and what it does.
package struct Command: Sendable {
    /// The words that choose it: `["topic", "create"]`.
    package let path: [String]
    /// One line, for the list of commands.
    package let summary: String
    /// More, for the command's own `--help`; may be empty.
    package let discussion: String
    /// What stands after the flags in the usage line: `NAME [FILE...]`; empty for nothing.
    package let operands: String
    /// How many operands it takes.
    package let operandCount: ClosedRange<Int>
    package let options: [Option]
    /// Whole command lines, for `--help`.
    package let examples: [String]
    package let run: @Sendable (Arguments) async throws(CommandError) -> Void

    package init(
        _ path: String..., summary: String, discussion: String = "", operands: String = "",
        operandCount: ClosedRange<Int> = 0...0, options: [Option], examples: [String] = [],
        run: @escaping @Sendable (Arguments) async throws(CommandError) -> Void
    ) {
        self.path = path
        self.summary = summary
        self.discussion = discussion
        self.operands = operands
        self.operandCount = operandCount
        self.options = options + [.help]
        self.examples = examples
        self.run = run
    }

    package var name: String { path.joined(separator: " ") }
}
