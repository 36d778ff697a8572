import Foundation
import VarveClient
import VarvePlatform
import VarveWire

/// A Kafka cluster that is not ours: librdkafka's mock, in a Python process of its own. Ends with
/// this object.
final class MockCluster: Sendable {
    let bootstrap: [Endpoint]
    private let process: Process
    private let input = Pipe()

    /// The Python that has confluent_kafka: VARVE_TEST_PYTHON, or the python3 of the path.
    static let python: String? = {
        let named = ProcessInfo.processInfo.environment["VARVE_TEST_PYTHON"]
        let candidates = [named, "/usr/bin/env"].compactMap { $0 }
        return candidates.first { candidate in
            let process = Process()
            process.executableURL = URL(fileURLWithPath: candidate)
            let code = ["-c", "import confluent_kafka"]
            process.arguments = candidate == "/usr/bin/env" ? ["python3"] + code : code
            process.standardError = FileHandle.nullDevice
            do { try process.run() } catch { return false }
            process.waitUntilExit()
            return process.terminationStatus == 0
        }
    }()

    static let isAvailable = python != nil
    static let skipReason =
        "needs a Python with confluent_kafka: Tools/test installs one and sets VARVE_TEST_PYTHON"

    /// Prints one line, the brokers' addresses with commas between, and stays until its input ends.
    private static let script = """
        import sys
        from confluent_kafka.admin import AdminClient
        client = AdminClient({
            "bootstrap.servers": "",
            "test.mock.num.brokers": int(sys.argv[1]),
            "log_level": 2,
        })
        brokers = client.list_topics(timeout=10).brokers.values()
        print(",".join(f"{broker.host}:{broker.port}" for broker in brokers), flush=True)
        sys.stdin.read()
        """

    /// Starts the cluster, on a thread of its own: Python takes its time, and the few threads that
    /// Swift has for tasks are other tests' too.
    static func start(brokers: Int = 1) async throws -> MockCluster {
        try await withCheckedThrowingContinuation { continuation in
            NamedThread("mock-cluster") {
                continuation.resume(with: Result { try MockCluster(brokers: brokers) })
            }.detach()
        }
    }

    private init(brokers: Int) throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: Self.python!)
        process.arguments =
            (Self.python == "/usr/bin/env" ? ["python3"] : [])
            + ["-c", Self.script, String(brokers)]
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        var line = Data()
        while true {
            let piece = output.fileHandleForReading.availableData
            if piece.isEmpty { break }
            line.append(piece)
            if line.last == UInt8(ascii: "\n") { break }
        }
        let text = String(decoding: line, as: UTF8.self)
        bootstrap = text.split(whereSeparator: { $0 == "," || $0 == "\n" }).compactMap {
            Endpoint(String($0))
        }
        guard bootstrap.count == brokers else { throw MockError(output: text) }
    }

    deinit {
        input.fileHandleForWriting.closeFile()
        process.waitUntilExit()
    }

    struct MockError: Error { let output: String }

    func client() -> Cluster {
        testClient(bootstrap) {
            // The mock reads newer group requests than librdkafka itself sends, and gets their
            // flexible form wrong (librdkafka 2.16).
            $0.versionsMax = [.joinGroup: 5, .syncGroup: 3, .heartbeat: 3, .leaveGroup: 1]
        }
    }
}
