internal import VarvePlatform

/// `--name value` pairs.
struct Options {
    private var values: [String: String] = [:]

    init(_ arguments: [String]) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard name.hasPrefix("--"), let value = rest.popFirst() else {
                Self.fail("\(name): options are --name value")
            }
            values[String(name.dropFirst(2))] = value
        }
    }

    func text(_ name: String) -> String? { values[name] }

    func number(_ name: String) -> Int? {
        guard let text = values[name] else { return nil }
        guard let number = Int(text), number >= 0 else { Self.fail("--\(name) \(text): no number") }
        return number
    }

    func required(_ name: String) -> String {
        guard let text = values[name] else { Self.fail("--\(name) is missing") }
        return text
    }

    private static func fail(_ message: String) -> Never {
        say("varve-proof: \(message)\n", to: StandardStreams.error)
        ProcessControl.exitNow(2)
    }
}
