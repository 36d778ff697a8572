package import VarvePlatform

/// What a command line said, after `ArgumentParser` has checked it against the command's flags.
package struct Arguments: Sendable {
    /// The command's words, for messages.
    package let command: String
    var values: [String: [String]] = [:]
    /// What stood there without a flag, in order.
    package internal(set) var operands: [String] = []

    init(command: String) { self.command = command }

    /// Whether the flag was given.
    package func has(_ option: Option) -> Bool { values[option.name] != nil }

    /// The flag's last value.
    package func string(_ option: Option) -> String? { values[option.name]?.last }

    /// All values of a flag that repeats, in order.
    package func strings(_ option: Option) -> [String] { values[option.name] ?? [] }

    /// The flag's value, which the command cannot do without.
    package func required(_ option: Option) throws(CommandError) -> String {
        guard let value = string(option) else {
            throw .usage("\(command) needs \(option.name) \(option.value ?? "")")
        }
        return value
    }

    /// The flag's value as a whole number in `range`; nil when the flag was not given.
    package func integer(
        _ option: Option, in range: ClosedRange<Int64> = 0...Int64.max
    ) throws(CommandError) -> Int64? {
        guard let text = string(option) else { return nil }
        guard let number = Int64(text) else {
            throw .usage("\(option.name): \"\(text)\" is not a whole number")
        }
        guard range.contains(number) else {
            let upper = range.upperBound == .max ? "or more" : "to \(range.upperBound)"
            throw .usage("\(option.name): \(number) is not \(range.lowerBound) \(upper)")
        }
        return number
    }

    /// The flag's values, each `name=value`; a name given twice has its last value.
    package func pairs(_ option: Option) throws(CommandError) -> [String: String] {
        var result: [String: String] = [:]
        for text in strings(option) {
            guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                throw .usage("\(option.name): \"\(text)\" is not name=value")
            }
            result[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return result
    }

    /// The flag's value as `host:port`; nil when the flag was not given.
    package func endpoint(_ option: Option) throws(CommandError) -> Endpoint? {
        guard let text = string(option) else { return nil }
        guard let endpoint = Endpoint(text) else {
            throw .usage("\(option.name): \"\(text)\" is not HOST:PORT")
        }
        return endpoint
    }

    /// The logger that `--log-level` asks for, at `standard` when it does not.
    package func logger(
        _ part: String, default standard: LogLevel = .info
    ) throws(CommandError) -> Logger {
        let text = string(.logLevel) ?? "\(standard)"
        guard let level = LogLevel.allCases.first(where: { "\($0)" == text }) else {
            throw .usage(
                "--log-level: \"\(text)\" is none of debug, info, warning, error"
                    + NearestName.hint(text, in: LogLevel.allCases.map { "\($0)" }))
        }
        return Logger(part, levelMin: level)
    }
}
