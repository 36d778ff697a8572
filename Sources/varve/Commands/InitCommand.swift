internal import VarvePlatform

/// `varve init`: a first configuration to run and to change.
enum InitCommand {
    private static let listen = Option(
        "--listen", value: "HOST:PORT", help: "where to serve Kafka; 127.0.0.1:9092 by default")
    private static let http = Option(
        "--http", value: "HOST:PORT",
        help: "where to serve metrics and status; 127.0.0.1:9644 by default")

    static let command = Command(
        "init", summary: "Write a commented sample configuration.",
        discussion: "An existing file is never overwritten.", operands: "[FILE]",
        operandCount: 0...1, options: [listen, http], examples: ["varve init && varve up"]
    ) { (arguments) throws(CommandError) in
        let path = arguments.operands.first ?? Configuration.defaultName
        let text = SampleConfiguration.text(
            listen: try arguments.endpoint(listen) ?? Endpoint(host: "127.0.0.1", port: 9092),
            http: try arguments.endpoint(http) ?? Endpoint(host: "127.0.0.1", port: 9644))
        do throws(SystemError) {
            let file = try PosixDisk().open(path, .createNew)
            try ByteSlice(text).withUnsafeBytes { (bytes) throws(SystemError) in
                try file.write(bytes, at: 0)
            }
        } catch {
            throw .failed(
                error.isExisting
                    ? "\(path) exists already and was left as it is"
                    : "cannot write \(path): \(error.reason)")
        }
        Output.standard.line("wrote \(path); start with: varve up --config \(path)")
    }
}
