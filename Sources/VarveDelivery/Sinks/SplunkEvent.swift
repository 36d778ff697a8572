package import VarvePlatform

/// One event in HEC's envelope:
/// `{"time":…,"host":…,"source":…,"sourcetype":…,"index":…,"fields":{…},"event":…}`.
package struct SplunkEvent: Sendable {
    private let metadata: [(name: String, template: EventTemplate)]
    private let fields: [(name: String, template: EventTemplate)]

    package init(_ configuration: SplunkConfiguration) throws(TemplateProblem) {
        var metadata: [(name: String, template: EventTemplate)] = []
        for (name, text) in [
            ("host", configuration.host), ("source", configuration.source),
            ("sourcetype", configuration.sourcetype), ("index", configuration.index),
        ] {
            if let text { metadata.append((name, try EventTemplate(text))) }
        }
        self.metadata = metadata
        var fields: [(name: String, template: EventTemplate)] = []
        for (name, text) in configuration.fields.sorted(by: { $0.key < $1.key }) {
            fields.append((name, try EventTemplate(text)))
        }
        self.fields = fields
    }

    /// The envelope with the event's value inside: a JSON object as it is, other text as
    /// a string, and what is no text as `EventBody` wraps it.
    package func make(_ event: Event) -> ByteSlice {
        let body = EventBody(event)
        let time = body.milliseconds(of: event)
        func text(_ template: EventTemplate) -> String? {
            template.fill(event, milliseconds: time) { body.object.field($0)?.text }
        }
        var out = ByteWriter(capacity: (event.value?.count ?? 0) + 256)
        out.utf8("{")
        // Seconds with a fraction; without a time Splunk takes the moment of arrival.
        if time >= 0 {
            let fraction = String(1000 + time % 1000).dropFirst()
            out.utf8("\"time\":\(time / 1000).\(fraction),")
        }
        for (name, template) in metadata {
            guard let value = text(template) else { continue }
            out.jsonString(name)
            out.utf8(":")
            out.jsonString(value)
            out.utf8(",")
        }
        out.utf8("\"fields\":{\"varve_id\":")
        out.jsonString(event.identity)
        for (name, template) in fields {
            guard let value = text(template) else { continue }
            out.utf8(",")
            out.jsonString(name)
            out.utf8(":")
            out.jsonString(value)
        }
        out.utf8("},\"event\":")
        if body.isWrapped, let value = event.value, value.isUTF8 {
            out.jsonString(value)
        } else {
            out.bytes(body.object.raw)
        }
        out.utf8("}")
        return out.finish()
    }
}
