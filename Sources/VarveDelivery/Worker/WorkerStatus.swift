/// What a worker has done and what it waits for, at one moment.
package struct WorkerStatus: Codable, Equatable, Sendable {
    package enum State: String, Codable, Sendable {
        /// Waiting for the broker, or for its group to give it partitions.
        case starting
        case running
        /// The sink asks for a person: credentials or configuration.
        case paused
        case stopped
    }

    /// One partition that the worker owns.
    package struct Partition: Codable, Equatable, Sendable {
        package var topic: String
        package var partition: Int32
        /// Everything below it has its verdict; nil before the first event.
        package var finishedOffset: Int64?
        /// The offset after the last durable record, as the broker last told.
        package var endOffset: Int64
        /// Events below the end and without a verdict; nil before the first event.
        package var lag: Int64?
    }

    package var name: String
    package var group: String
    package var state: State
    /// Events the sink has, since this worker started.
    package var delivered: Int64 = 0
    /// Tries after which an event had to wait and be sent again.
    package var retried: Int64 = 0
    package var deadLettered: Int64 = 0
    /// Events that the configured transforms leave out.
    package var dropped: Int64 = 0
    /// Bytes of the delivered events' values as they were sent.
    package var deliveredBytes: Int64 = 0
    /// Events read and not yet finished, and their bytes.
    package var inFlightEvents: Int = 0
    package var inFlightBytes: Int = 0
    /// The sum of the partitions' lags.
    package var lag: Int64 = 0
    /// Why the sink is paused; nil when it is not.
    package var pausedReason: String?
    /// The last thing that went wrong, sink or broker; nil when nothing did yet.
    package var lastError: String?
    package var partitions: [Partition] = []

    package init(name: String, group: String, state: State = .starting) {
        self.name = name
        self.group = group
        self.state = state
    }
}
