/// One flag of a command: its names, whether it takes a value, and what `--help` says of it.
package struct Option: Sendable {
    /// The long name with its dashes, `--topic`: the key under which values are kept.
    package let name: String
    /// Other names, long or short, that Kafka's users have in their hands: `-t`.
    package let aliases: [String]
    /// What to call its value in `--help`; nil for a switch, which takes none.
    package let value: String?
    package let help: String
    /// May be given more than once.
    package let repeats: Bool
    /// For our own use between processes: not in `--help`, never suggested.
    package let isHidden: Bool

    package init(
        _ name: String, _ aliases: String..., value: String? = nil, repeats: Bool = false,
        hidden: Bool = false, help: String
    ) {
        self.name = name
        self.aliases = aliases
        self.value = value
        self.repeats = repeats
        self.isHidden = hidden
        self.help = help
    }

    var names: [String] { [name] + aliases }
}

extension Option {
    static let help = Option("--help", "-h", help: "show this help and end")
    static let json = Option("--json", "-J", help: "print JSON for programs instead of text")
    static let config = Option(
        "--config-file", "--config", value: "FILE",
        help: "the configuration file; ./varve.json where there is one")
    static let logLevel = Option(
        "--log-level", value: "LEVEL",
        help: "debug, info (the default), warning or error: what goes to standard error")
    static let bootstrap = Option(
        "--bootstrap-server", "--brokers", "-b", value: "ADDRESS", repeats: true,
        help: "the broker to talk to, HOST:PORT, or SSL://HOST:PORT for TLS; otherwise the "
            + "configuration's, otherwise 127.0.0.1:9092")
    static let timeout = Option(
        "--timeout-ms", "--timeout", value: "MS",
        help: "give up on an unreachable broker after this time; 10000 by default")
    static let parent = Option(
        "--end-with-parent", value: "PID", hidden: true, help: "end when process PID ends")
}
