/// One step between the log and the sink.
///
/// Pure: it sees one event at a time, keeps nothing between them, and gives the same result at a
/// redelivery, so that what a sink stores for an identity never depends on the try (D4).
package protocol Transform: Sendable {
    /// Changes the document in place.
    /// - Throws: why the event cannot be delivered as configured; it becomes a dead letter (D3).
    func apply(_ document: inout EventDocument) throws(TransformError) -> TransformOutcome
}

/// Whether an event goes on after a transform.
package enum TransformOutcome: Equatable, Sendable {
    case keep
    /// The configuration asks not to deliver this event: its verdict is given.
    case drop
}

/// Why a transform cannot take an event.
package struct TransformError: Error, Equatable, Sendable, CustomStringConvertible {
    package let text: String
    package init(_ text: String) { self.text = text }
    package var description: String { text }
}

/// The event that transforms work on: its value as an object.
package struct EventDocument: Sendable {
    package let event: Event
    /// The value's members. A value that is no JSON object stands here wrapped, as
    /// `EventBody.wrapped` makes it.
    package var object: JSONObject

    package init(_ event: Event) {
        self.event = event
        object = JSONObject(EventBody(event).object)
    }
}

/// The configured transforms, in order.
package struct TransformPipeline: Sendable {
    private let steps: [any Transform]

    package init(_ configurations: [TransformConfiguration]) {
        steps = configurations.map(\.transform)
    }

    package init(_ steps: [any Transform]) { self.steps = steps }

    /// Every event goes through as it is.
    package var isEmpty: Bool { steps.isEmpty }

    /// The event as the sink gets it; nil when it is dropped by configuration. Without transforms
    /// its bytes stay as they are.
    package func apply(_ event: Event) throws(TransformError) -> Event? {
        if steps.isEmpty { return event }
        var document = EventDocument(event)
        for step in steps {
            if try step.apply(&document) == .drop { return nil }
        }
        var result = event
        result.value = document.object.text
        return result
    }
}
