import Foundation
import VarvePlatform

/// The load generators: C programs in Benchmarks/load, built when they are first needed into
/// .build/varve-bench, so that building Varve asks for none of their libraries.
final class LoadPrograms {
    enum Name: String {
        /// librdkafka, the common client.
        case kafkaClient = "kafka_client"
        /// Kafka's protocol bare.
        case kafkaWire = "kafka_wire"
        case limits
        case redisClient = "redis_client"
        case natsClient = "nats_client"
        /// A receiver of `_bulk` requests.
        case bulkStub = "bulk_stub"
        /// The libraries under a delivery, with nothing around them.
        case deliveryLimit = "delivery_limit"

        var libraries: [String] {
            switch self {
            case .kafkaClient: ["-lrdkafka"]
            case .deliveryLimit: ["-llz4", "-lsqlite3"]
            case .kafkaWire, .limits, .redisClient, .natsClient, .bulkStub: []
            }
        }

        /// A header that it needs, and Debian's package of it.
        var needed: [(header: String, package: String)] {
            switch self {
            case .kafkaClient: [("librdkafka/rdkafka.h", "librdkafka-dev")]
            case .deliveryLimit:
                [("lz4frame.h", "liblz4-dev"), ("sqlite3.h", "libsqlite3-dev")]
            case .kafkaWire, .limits, .redisClient, .natsClient, .bulkStub: []
            }
        }
    }

    private var built: [Name: String] = [:]
    private var failures: [Name: BenchError] = [:]
    private let log: String
    private var started = 0

    init(log: String) { self.log = log }

    /// The program's path, built now if it is not or its source is newer.
    func path(_ name: Name) throws -> String {
        if let path = built[name] { return path }
        if let failure = failures[name] { throw failure }
        do {
            let path = try build(name)
            built[name] = path
            return path
        } catch let error as BenchError {
            failures[name] = error
            throw error
        }
    }

    /// Runs it and reads its report.
    func run(
        _ name: Name, _ verb: String, _ options: KeyValuePairs<String, String>,
        withinSeconds seconds: Int64 = 120
    ) throws -> LoadReport {
        let output = try start(name, verb, options).output(withinSeconds: seconds)
        do {
            return try JSONDecoder().decode(LoadReport.self, from: Data(output.utf8))
        } catch {
            throw BenchError.failed("\(name.rawValue) \(verb) printed no report: \(error)")
        }
    }

    func start(
        _ name: Name, _ verb: String, _ options: KeyValuePairs<String, String>
    ) throws -> Program {
        // A log of its own: what an earlier run printed must not be taken for this one's.
        started += 1
        return try Program(
            try path(name), [verb] + options.map { "\($0.key)=\($0.value)" },
            log: "\(log)/\(name.rawValue)-\(verb)-\(started)")
    }

    private func build(_ name: Name) throws -> String {
        let root = try Checkout.root()
        let sources = root + "/Benchmarks/load"
        let source = "\(sources)/\(name.rawValue).c"
        let products = root + "/.build/varve-bench"
        let product = "\(products)/\(name.rawValue)"
        let headers = try FileManager.default.contentsOfDirectory(atPath: sources)
            .filter { $0.hasSuffix(".h") }.map { sources + "/" + $0 }
        if let made = age(product), (headers + [source]).allSatisfy({ (age($0) ?? made) < made }) {
            return product
        }
        guard let compiler = ["cc", "gcc", "clang"].lazy.compactMap(Program.find).first else {
            throw BenchError.missing("no C compiler for the load generators: apt-get install gcc")
        }
        for (header, package) in name.needed {
            let probe = try Program(
                compiler, ["-E", "-include", header, "-x", "c", "/dev/null"], log: log + "/probe")
            do { _ = try probe.output() } catch {
                throw BenchError.missing("\(header) is missing: apt-get install \(package)")
            }
        }
        try FileManager.default.createDirectory(
            atPath: products, withIntermediateDirectories: true)
        let arguments =
            ["-O2", "-D_GNU_SOURCE", "-o", product, source] + name.libraries + ["-lpthread"]
        _ = try Program(compiler, arguments, log: log + "/cc").output()
        return product
    }

    private func age(_ path: String) -> Date? {
        var information = stat()
        guard stat(path, &information) == 0 else { return nil }
        return Date(
            timeIntervalSince1970: Double(information.st_mtim.tv_sec)
                + Double(information.st_mtim.tv_nsec) / 1e9)
    }
}
