package import VarvePlatform

/// Brings an event into the shape that Elastic's tools expect: `{ type: "ecs" }`.
///
/// It adds what is missing of `@timestamp` (from the configured `timestamp` field, or the record's
/// time), `ecs.version`, `event.kind`, `event.dataset` (the topic) and `event.code`. Windows events
/// as NXLog, Winlogbeat's raw form and the public data sets write them (`EventID`, `Channel`,
/// `Hostname` at the top) get their ECS names beside the original ones, by `WindowsFields`.
/// Fields that are there stay as they are.
package struct ECSTransform: Transform {
    /// The version of the Elastic Common Schema whose names are used.
    /// Source: github.com/elastic/ecs, tag 9.4.0 (ecs.version is required in every event).
    package static let version = "9.4.0"

    private let timestamp: FieldPath?

    package init(timestamp: FieldPath? = nil) { self.timestamp = timestamp }

    private enum Key: String, CodingKey, CaseIterable { case type, timestamp }

    init(from decoder: any Decoder) throws {
        let keys = try decoder.strictContainer(keyedBy: Key.self)
        timestamp = try keys.decodeIfPresent(String.self, forKey: .timestamp).map { FieldPath($0) }
    }

    package func apply(_ document: inout EventDocument) throws(TransformError) -> TransformOutcome {
        func add(_ path: FieldPath, _ text: @autoclosure () -> String?) {
            guard document.object.field(path) == nil, let text = text() else { return }
            // Where something on the way is no object the event keeps its own shape.
            document.object.set(path, to: .string(text))
        }
        let isWindows = WindowsFields.isWindows { document.object.field($0)?.text }
        let time =
            timestamp.flatMap { document.object.field($0)?.text }.flatMap(Self.milliseconds)
            ?? (isWindows ? WindowsFields.time { document.object.field($0)?.text } : nil)
            ?? document.event.timestamp
        add("@timestamp", Timestamp.text(milliseconds: time))
        add("ecs.version", Self.version)
        add("event.kind", "event")
        add("event.dataset", document.event.topic)
        if isWindows {
            let code = document.object.field("EventID")?.text
            for (name, path) in WindowsFields.ecs(eventID: code) {
                add(path, document.object.field(name)?.text)
            }
        }
        return .keep
    }

    /// A time as shippers write it: RFC 3339, or seconds or milliseconds since 1970.
    static func milliseconds(_ text: String) -> Int64? {
        if let time = Timestamp.milliseconds(text) { return time }
        guard let number = Double(text), number.isFinite, abs(number) < 1e15 else { return nil }
        // Seconds stay below 10^11 until the year 5138; milliseconds were above it since 1973.
        return Int64(abs(number) < 1e11 ? number * 1000 : number)
    }
}
