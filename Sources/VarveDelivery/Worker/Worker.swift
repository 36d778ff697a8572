package import VarvePlatform

/// Why a worker ended, or could not start.
package enum WorkerError: Error, Equatable, Sendable, CustomStringConvertible {
    case sink(SinkError)
    /// The cluster refuses the worker for good; the text says why.
    case refused(String)

    package var description: String {
        switch self {
        case .sink(let error): error.description
        case .refused(let reason): reason
        }
    }
}

/// A delivery worker: a member of a consumer group that carries events to one sink.
package final class Worker: Sendable {
    package let configuration: WorkerConfiguration
    private let current: Lock<WorkerStatus>

    package init(
        configuration: WorkerConfiguration, bootstrap: [Endpoint], logger: Logger
    ) throws(WorkerError) {
        self.configuration = configuration
        current = Lock(WorkerStatus(name: configuration.name, group: configuration.group))
    }

    /// Delivers until `stop`. Broker and sink may come and go; only what never gets better throws.
    package func run() async throws(WorkerError) {}

    /// Lets `run` finish what is in flight, commit, leave the group and return. Any thread, any
    /// number of times; it does not wait.
    package func stop() {}

    /// What has been done so far; any thread.
    package var status: WorkerStatus { current.withLock { $0 } }
}
