internal import VarveClient
internal import VarvePlatform
internal import VarveRecords

/// `varve produce`: lines become records, and the count that is printed is of acknowledged ones.
enum ProduceCommand {
    private static let topic = Option("--topic", "-t", value: "NAME", help: "where to")
    private static let partition = Option(
        "--partition", "-p", value: "N", help: "this partition only; by key otherwise")
    private static let key = Option("--key", "-k", value: "KEY", help: "the key of every record")
    private static let keySeparator = Option(
        "--key-separator", "-K", value: "TEXT",
        help: "what stands before the first TEXT of a line is its key")
    private static let header = Option(
        "--header", "-H", value: "NAME=VALUE", repeats: true, help: "a header of every record")
    private static let codec = Option(
        "--compression", "--compression-codec", "-z", value: "CODEC",
        help: "none, gzip, snappy, lz4 (the default) or zstd")
    private static let acks = Option(
        "--acks", "-a", value: "N", help: "all (the default), 1, or 0 for no answer")
    private static let timestamp = Option(
        "--timestamp", value: "TIME",
        help: "of every record: milliseconds or RFC 3339; now otherwise")

    static let command = Command(
        "produce", summary: "Send lines of standard input or files to a topic.",
        discussion:
            "Ends when every line is acknowledged, which a Varve broker does when it is on disk.\n"
            + "Status 1 when one was not; the message says how many.",
        operands: "[FILE...]", operandCount: 0...10_000,
        options: [
            topic, partition, key, keySeparator, header, codec, acks, timestamp, .json,
        ] + Session.options,
        examples: [
            "tail -F /var/log/syslog | varve produce -t syslog",
            "varve produce -t users -K : -z zstd users.txt",
        ], run: run)

    /// How all of this run's records look, apart from key and value.
    private struct Shape: Sendable {
        let topic: String
        let partition: Int32?
        let key: ByteSlice?
        let separator: ByteSlice?
        let headers: [RecordHeader]
        let timestamp: Int64?
        let clock = SystemClock()

        func record(_ line: ByteSlice) -> Record {
            var key = key
            var value = line
            if let separator, let index = line.firstIndex(of: separator) {
                key = line[..<index]
                value = line[(index + separator.count)...]
            }
            return Record(
                timestamp: timestamp ?? clock.wallMilliseconds(), key: key, value: value,
                headers: headers)
        }
    }

    @Sendable private static func run(_ arguments: Arguments) async throws(CommandError) {
        let shape = try shape(arguments)
        let configuration = try configuration(arguments)
        let files = arguments.operands.isEmpty ? ["-"] : arguments.operands
        try await Session.open(arguments) { (session) throws(CommandError) in
            let producer = Producer(session.cluster, configuration)
            let tally = Tally()
            let bar = ProgressBar("producing", unit: "records", total: nil)
            // Ctrl-C ends the reading; what was read is still sent.
            Interrupts.stopOnce { tally.stop() }
            var stopped: CommandError?
            do throws(CommandError) {
                for file in files {
                    try await send(file, shape, producer, tally, bar, session)
                }
            } catch {
                stopped = error
            }
            // What was read is seen to its end even when reading failed.
            do throws(ClientError) {
                try await producer.flush()
            } catch {
                stopped = stopped ?? session.failure(error)
            }
            await producer.close()
            bar.finish()
            let outcome = tally.outcome
            if arguments.has(.json) {
                Output.standard.write(JSONOutput.document(outcome))
            } else {
                Output.error(
                    "\(Quantity.count(outcome.acknowledged)) records acknowledged by \(shape.topic), "
                        + Quantity.bytes(outcome.bytes))
            }
            if let error = tally.firstError {
                throw .failed(
                    "\(Quantity.count(outcome.failed)) records not acknowledged: "
                        + session.failure(error).message)
            }
            if let stopped { throw stopped }
        }
    }

    private static func send(
        _ file: String, _ shape: Shape, _ producer: Producer, _ tally: Tally, _ bar: ProgressBar,
        _ session: Session
    ) async throws(CommandError) {
        var opened: PosixFile?
        if file != "-" {
            do throws(SystemError) {
                opened = try PosixFile(reading: file)
            } catch {
                throw .failed("cannot read \(file): \(error.reason)")
            }
        }
        var lines = LineReader(
            descriptor: opened?.descriptor ?? StandardStreams.input,
            isStopping: { tally.isStopping })
        while !tally.isStopping, let line = try await lines.next() {
            let bytes = Int64(line.count)
            try await session.asking { () throws(ClientError) in
                try await producer.enqueue(
                    topic: shape.topic, partition: shape.partition, shape.record(line)
                ) { result in
                    tally.ended(result, bytes: bytes)
                    bar.advance()
                }
            }
            if let error = tally.firstError, !error.isRetriable {
                throw session.failure(error)
            }
        }
        // Not earlier: the descriptor goes with the file.
        withExtendedLifetime(opened) {}
    }

    private static func shape(_ arguments: Arguments) throws(CommandError) -> Shape {
        var time: Int64?
        if let text = arguments.string(timestamp) {
            time = Int64(text) ?? Timestamp.milliseconds(text)
            if time == nil {
                throw .usage("--timestamp: \"\(text)\" is neither milliseconds nor RFC 3339")
            }
        }
        var headers: [RecordHeader] = []
        for text in arguments.strings(header) {
            guard let equals = text.firstIndex(of: "="), equals > text.startIndex else {
                throw .usage("--header: \"\(text)\" is not NAME=VALUE")
            }
            headers.append(
                RecordHeader(
                    name: String(text[..<equals]),
                    value: ByteSlice(String(text[text.index(after: equals)...]))))
        }
        if let separator = arguments.string(keySeparator), separator.isEmpty {
            throw .usage("--key-separator must not be empty")
        }
        return Shape(
            topic: try arguments.required(topic),
            partition: try arguments.integer(partition, in: 0...Int64(Int32.max)).map(Int32.init),
            key: arguments.string(key).map { ByteSlice($0) },
            separator: arguments.string(keySeparator).map { ByteSlice($0) }, headers: headers,
            timestamp: time)
    }

    private static func configuration(
        _ arguments: Arguments
    ) throws(CommandError) -> ProducerConfiguration {
        var configuration = ProducerConfiguration()
        if let name = arguments.string(codec) {
            guard let found = CompressionCodec(name: name) else {
                throw .usage(
                    "--compression: \"\(name)\" is none of none, gzip, snappy, lz4, zstd")
            }
            guard found.isBuiltIn else {
                throw .usage("--compression: \(name) is not built into this varve")
            }
            configuration.codec = found
        }
        switch arguments.string(acks) ?? "all" {
        case "all", "-1": configuration.acks = -1
        case "1": configuration.acks = 1
        case "0": configuration.acks = 0
        case let text: throw .usage("--acks: \"\(text)\" is none of all, 1, 0")
        }
        if let timeout = try arguments.integer(.timeout, in: 1...3_600_000) {
            configuration.deliveryTimeoutMilliseconds = timeout
        }
        return configuration
    }

    /// What became of the records, counted on whatever thread learns it.
    private final class Tally: Sendable {
        struct Outcome: Encodable {
            var acknowledged: Int64 = 0
            var failed: Int64 = 0
            /// Of acknowledged lines, without their newlines.
            var bytes: Int64 = 0
            /// By partition: the offset after the last acknowledged record; absent for acks 0.
            var nextOffsets: [String: Int64] = [:]
        }
        private struct State {
            var outcome = Outcome()
            var firstError: ClientError?
            var isStopping = false
        }
        private let state = Lock(State())

        var outcome: Outcome { state.withLock { $0.outcome } }
        var firstError: ClientError? { state.withLock { $0.firstError } }
        var isStopping: Bool { state.withLock { $0.isStopping } }

        func stop() { state.withLock { $0.isStopping = true } }

        func ended(_ result: Result<(partition: Int32, offset: Int64), ClientError>, bytes: Int64) {
            state.withLock { state in
                switch result {
                case .success(let place):
                    state.outcome.acknowledged += 1
                    state.outcome.bytes += bytes
                    let name = String(place.partition)
                    let next = max(state.outcome.nextOffsets[name] ?? 0, place.offset + 1)
                    if next > 0 { state.outcome.nextOffsets[name] = next }
                case .failure(let error):
                    state.outcome.failed += 1
                    if state.firstError == nil { state.firstError = error }
                }
            }
        }
    }
}
