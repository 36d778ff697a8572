/// A place that events are delivered to.
package protocol Sink: Sendable {
    /// Tries once to deliver `batch` and returns a verdict on each event, in the batch's order.
    ///
    /// The events of one partition come in the order of their offsets and stay in it (D5); two
    /// calls may overlap, never with events of the same partition. `delivered` is said only of
    /// what will not be lost if this process or machine stops now, as far as the receiver's
    /// protocol can tell. An event that was delivered before may come again (D4).
    func deliver(_ batch: [Event]) async -> [Verdict]

    /// This worker begins to own the partition: what the sink remembers of it may be out of date,
    /// because another worker delivered in between.
    func assigned(topic: String, partition: Int32) async

    /// Gives up connections and files. No call comes after it.
    func close() async
}

extension Sink {
    package func assigned(topic: String, partition: Int32) async {}
    package func close() async {}
}

/// What became of one event at one try. Every event ends as `delivered` or `deadLetter`, or waits.
package enum Verdict: Equatable, Sendable {
    /// The sink has it, now or since an earlier try.
    case delivered
    /// It may go well later: wait and send the event again.
    case retry(Reason)
    /// The sink will never take this event: it goes to the dead-letter topic (D3).
    case deadLetter(Reason)
    /// No event will go well until a person changes something (credentials, configuration): keep
    /// everything and look again from time to time.
    case pause(Reason)
}

/// Why a sink did not take an event.
package struct Reason: Equatable, Sendable, ExpressibleByStringInterpolation,
    CustomStringConvertible
{
    /// For a person to read; kept in the dead letter.
    package let text: String
    /// The HTTP status behind it, of the event where the sink tells one, else of the request.
    package let httpStatus: Int?

    package init(_ text: String, httpStatus: Int? = nil) {
        self.text = text
        self.httpStatus = httpStatus
    }

    package init(stringLiteral text: String) { self.init(text) }

    package var description: String { text }
}

/// Why there is no sink as it was configured.
package enum SinkError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A library that this sink needs is not in this build; `trait` is the SwiftPM trait.
    case notBuilt(type: String, trait: String)
    case configuration(ConfigurationError)

    package var description: String {
        switch self {
        case .notBuilt(let type, let trait):
            "this build has no \(type) sink; build it with the trait \(trait)"
        case .configuration(let error): error.description
        }
    }
}
