internal import VarvePlatform
package import VarveRecords

/// An event that its sink will never take, as it goes to the dead-letter topic.
package struct DeadLetter: Equatable, Sendable {
    /// Where on its way the event failed, in Kafka Connect's words.
    package enum Stage: String, Sendable {
        case transformation = "TRANSFORMATION"
        case put = "TASK_PUT"
    }

    package let stage: Stage
    package let reason: Reason
    /// Tries of the sink; 0 where it never came so far.
    package let attempts: Int

    package init(stage: Stage, reason: Reason, attempts: Int) {
        self.stage = stage
        self.reason = reason
        self.attempts = attempts
    }

    /// The record for the dead-letter topic: key, value, headers and timestamp of the original
    /// untouched (D3), after them headers in Kafka Connect's shape and our own.
    ///
    ///     __connect.errors.topic, .partition, .offset      where the event stands in the log
    ///     __connect.errors.connector.name, .task.id        the worker; always 0
    ///     __connect.errors.stage, .class.name              TRANSFORMATION or TASK_PUT; the sink
    ///     __connect.errors.exception.class.name, .message  what refused it, and why
    ///     varve.worker, varve.sink, varve.attempts, varve.http.status, varve.reason,
    ///     varve.failed.at (RFC 3339)
    ///
    /// All values are UTF-8. Source: KIP-298 and Kafka Connect's DeadLetterQueueReporter.
    package func record(
        _ original: Event, worker: String, sink: String, now: Int64
    ) -> Record {
        var headers = original.headers
        func add(_ name: String, _ value: String) {
            headers.append(RecordHeader(name: name, value: ByteSlice(value)))
        }
        add("__connect.errors.topic", original.topic)
        add("__connect.errors.partition", String(original.partition))
        add("__connect.errors.offset", String(original.offset))
        add("__connect.errors.connector.name", worker)
        add("__connect.errors.task.id", "0")
        add("__connect.errors.stage", stage.rawValue)
        add("__connect.errors.class.name", sink)
        add(
            "__connect.errors.exception.class.name",
            stage == .put ? "varve.SinkRefused" : "varve.TransformError")
        add("__connect.errors.exception.message", reason.text)
        add("varve.worker", worker)
        add("varve.sink", sink)
        add("varve.attempts", String(attempts))
        if let status = reason.httpStatus { add("varve.http.status", String(status)) }
        add("varve.reason", reason.text)
        add("varve.failed.at", Timestamp.text(milliseconds: now))
        return Record(
            timestamp: original.timestamp, key: original.key, value: original.value,
            headers: headers)
    }
}
