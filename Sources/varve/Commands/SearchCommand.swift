internal import VarveDelivery
internal import VarvePlatform

/// `varve search`: asks the embedded index that a worker with an `sqlite` sink fills.
enum SearchCommand {
    private static let worker = Option(
        "--worker", "-w", value: "NAME",
        help: "the worker whose index to search; the first with an sqlite sink otherwise")
    private static let index = Option(
        "--index", value: "FILE", help: "an index file, without a configuration")
    private static let count = Option(
        "--limit", "-n", value: "N", help: "at most N events, the newest; 20 by default")
    private static let counts = Option(
        "--counts", help: "how many events of each topic the index has, instead of a search")
    private static let whole = Option("--full", help: "whole events instead of the place found")

    static let command = Command(
        "search", summary: "Search the delivered events by their words.",
        discussion:
            "Words must all be there; also \"exact words\", pre*, a OR b, a NOT b, (a OR b) c.",
        operands: "QUERY...", operandCount: 0...1000,
        options: [worker, index, count, whole, counts, .json, .config],
        examples: ["varve search 'failed password'", "varve search 'logon NOT system' -n 5 --json"],
        run: run)

    private struct Hit: Encodable {
        let topic: String
        let partition: Int32
        let offset: Int64
        let timestamp: Int64
        let key: String?
        let value: String?
    }

    @Sendable private static func run(_ arguments: Arguments) async throws(CommandError) {
        let path = try indexPath(arguments)
        if arguments.has(counts) { return try showCounts(path, arguments) }
        guard !arguments.operands.isEmpty else { throw .usage("search needs a QUERY") }
        let limit = try arguments.integer(count, in: 1...1_000_000) ?? 20
        let query = arguments.operands.joined(separator: " ")
        let hits: [SearchHit]
        do throws(SearchError) {
            hits = try SearchIndex.search(path: path, query: query, limit: Int(limit))
        } catch {
            throw .failed("\(error)")
        }
        if arguments.has(.json) {
            Output.standard.write(
                JSONOutput.document(
                    hits.map { hit in
                        Hit(
                            topic: hit.topic, partition: hit.partition, offset: hit.offset,
                            timestamp: hit.timestamp, key: hit.key?.string,
                            value: hit.value?.string)
                    }))
            return
        }
        for hit in hits {
            let time = Timestamp.text(milliseconds: hit.timestamp)
            let text = arguments.has(whole) ? hit.value?.string ?? "" : hit.snippet
            Output.standard.line(
                "\(time)  \(hit.topic)-\(hit.partition)@\(hit.offset)  \(text.inOneLine)")
        }
        Output.standard.flush()
        if hits.isEmpty { Output.error("nothing found") }
    }

    private static func showCounts(
        _ path: String, _ arguments: Arguments
    ) throws(CommandError) {
        let found: [String: Int64]
        do throws(SearchError) {
            found = try SearchIndex.counts(path: path)
        } catch {
            throw .failed("\(error)")
        }
        if arguments.has(.json) {
            Output.standard.write(JSONOutput.document(found))
            return
        }
        var table = Table(("TOPIC", .left), ("EVENTS", .right))
        for (topic, count) in found.sorted(by: { $0.key < $1.key }) { table.row(topic, "\(count)") }
        Output.standard.write(table.text)
    }

    private static func indexPath(_ arguments: Arguments) throws(CommandError) -> String {
        if let path = arguments.string(index) { return path }
        let configuration = try arguments.configuration()
        if let name = arguments.string(worker) {
            let worker = try configuration.worker(name)
            guard case .sqlite(let sink) = worker.sink else {
                throw .usage("worker \(name) has a sink of type \(worker.sink.type), not sqlite")
            }
            return sink.path
        }
        for worker in configuration.workers {
            if case .sqlite(let sink) = worker.sink { return sink.path }
        }
        throw .usage("\(configuration.path) has no worker with an sqlite sink; or name an --index")
    }
}

extension String {
    /// Without line ends and other control characters, which would disturb a terminal or forge a
    /// line of output.
    var inOneLine: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { scalar in
                    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? " " : scalar
                }))
    }
}
