import Foundation
import VarvePlatform

/// The benchmark's command line.
@main enum VarveBench {
    static let usage = """
        usage: varve-bench list
               varve-bench run [SCENARIO ...] [OPTIONS]
               varve-bench compare OLD.json NEW.json

        Drives a broker of its own with outside load generators, in turn with the machine's limits
        and with other systems, and prints the ratios. Build it and the broker with -c release.

          --rounds N         rounds of each scenario; 5
          --warm-up N        rounds before them that do not count, for peers in Java; 0
          --seconds N        the longest that one run produces; 1
          --peers A,B        only these besides varve, or none; all that are there
          --directory DIR    the disk to measure: a new directory in this one; the current one
          --varve FILE       the broker; the one beside this program, or VARVE_BIN
          --json FILE        the figures of all rounds
          --events FILE      real events for produce-lz4, one in a line; look-alikes
          --history GB       how much history the scenarios start and history have; 100
          --set NAME=VALUE   a setting of the measured broker (may be given again)

        Peers: librdkafka's mock cluster (librdkafka-dev), redis-server and nats-server from
        Debian, and Apache Kafka where KAFKA_HOME is set.
        """

    static func main() {
        ProcessControl.holdSignals()
        do {
            try run(Array(CommandLine.arguments.dropFirst()))
        } catch {
            FileHandle.standardError.write(Data("varve-bench: \(error)\n".utf8))
            exit((error as? BenchError)?.exitStatus ?? 1)
        }
    }

    private static func run(_ words: [String]) throws {
        guard let verb = words.first else { throw BenchError.usage("say what to do\n\(usage)") }
        let rest = Array(words.dropFirst())
        switch verb {
        case "-h", "--help", "help": print(usage)
        case "list":
            for scenario in ScenarioTable.all { print("\(scenario.name): \(scenario.summary)") }
        case "run": try RunCommand.run(try Options(rest))
        case "compare":
            guard rest.count == 2 else { throw BenchError.usage("compare takes two files") }
            try Comparison.print(old: rest[0], new: rest[1])
        case "client": try ClientLoad.run(rest)
        default: throw BenchError.usage("there is no command \"\(verb)\"\n\(usage)")
        }
    }
}
