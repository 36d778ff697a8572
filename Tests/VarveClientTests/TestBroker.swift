import Foundation
import VarveBroker
import VarveClient
import VarvePlatform

/// Our own broker inside the test, on a free port, in a directory that goes with it.
final class TestBroker: Sendable {
    let port: Int
    private let directory: String
    private let settings: [String: String]
    private let running: Lock<Broker?>

    init(_ settings: [String: String] = [:]) throws {
        directory = NSTemporaryDirectory() + uniqueName("varve-client-test")
        self.settings = [
            "group.initial.rebalance.delay.ms": "0", "group.min.session.timeout.ms": "100",
        ].merging(settings) { $1 }
        let broker = try Self.start(directory, port: 0, self.settings)
        port = broker.port
        running = Lock(broker)
    }

    deinit {
        do {
            try running.withLock { $0 }?.stop()
            try FileManager.default.removeItem(atPath: directory)
        } catch {
            print("the test broker did not end well: \(error)")
        }
    }

    var broker: Broker { running.withLock { $0! } }

    func stop() throws {
        try running.withLock {
            try $0?.stop()
            $0 = nil
        }
    }

    /// Starts again what was stopped: same port, same directory.
    func start() throws {
        let broker = try Self.start(directory, port: port, settings)
        running.withLock { $0 = broker }
    }

    /// A client with pauses that suit a test.
    func client(_ change: (inout ClientConfiguration) -> Void = { _ in }) -> Cluster {
        testClient([Endpoint(host: "127.0.0.1", port: port)], change)
    }

    private static func start(
        _ directory: String, port: Int, _ settings: [String: String]
    ) throws -> Broker {
        let broker = try Broker(
            BrokerConfiguration(
                dataDirectory: directory, listen: ["127.0.0.1:\(port)"], settings: settings))
        try broker.start()
        return broker
    }
}

/// A client with pauses that suit a test, and timeouts that a test only meets when it fails: other
/// tests may keep the machine busy. VARVE_TEST_LOG makes it tell what it does.
func testClient(
    _ bootstrap: [Endpoint], _ change: (inout ClientConfiguration) -> Void = { _ in }
) -> Cluster {
    var configuration = ClientConfiguration(bootstrap: bootstrap, clientID: "test")
    if ProcessInfo.processInfo.environment["VARVE_TEST_LOG"] != nil {
        configuration.logger = Logger("client", levelMin: .debug)
    }
    configuration.retryBackoffMilliseconds = 10
    configuration.retryBackoffMillisecondsMax = 100
    configuration.requestTimeoutMilliseconds = 10_000
    configuration.callTimeoutMilliseconds = 60_000
    change(&configuration)
    return Cluster(configuration)
}

/// A name that no other test uses.
func uniqueName(_ prefix: String) -> String { "\(prefix)-\(UInt32.random(in: 0...UInt32.max))" }
