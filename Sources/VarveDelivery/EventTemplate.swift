package import VarvePlatform

/// Text with places that each event fills in, in the notation of Logstash and Beats:
/// `%{topic}`, `%{partition}`, `%{[host][name]}` or `%{host.name}`, and `%{+YYYY.MM.dd}` with the
/// event's time in UTC.
package struct EventTemplate: Sendable {
    private enum Piece: Sendable {
        case text(String)
        case topic
        case partition
        case field(FieldPath)
        case date([DatePiece])
    }

    private enum DatePiece: Sendable {
        case text(String)
        /// A run of characters of `2026-01-31T12:00:00.000Z`.
        case cut(from: Int, count: Int)
    }

    private let pieces: [Piece]

    /// - Throws: what is wrong with `text`, for a person to read.
    package init(_ text: String) throws(TemplateProblem) {
        var pieces: [Piece] = []
        var rest = text[...]
        while let start = rest.range(ofPair: "%{") {
            if start > rest.startIndex { pieces.append(.text(String(rest[..<start]))) }
            let inside = rest[start...].dropFirst(2)
            guard let end = inside.firstIndex(of: "}") else {
                throw TemplateProblem(text: "'%{' without its '}' in '\(text)'")
            }
            pieces.append(try Self.piece(String(inside[..<end])))
            rest = inside[end...].dropFirst()
        }
        if !rest.isEmpty { pieces.append(.text(String(rest))) }
        self.pieces = pieces
    }

    /// What keeps `text` from being a template; nil when nothing does.
    package static func problem(in text: String) -> String? {
        do throws(TemplateProblem) {
            _ = try EventTemplate(text)
            return nil
        } catch { return error.text }
    }

    private static func piece(_ name: String) throws(TemplateProblem) -> Piece {
        if name.hasPrefix("+") { return .date(try date(String(name.dropFirst()))) }
        switch name {
        case "topic": return .topic
        case "partition": return .partition
        case "": throw TemplateProblem(text: "'%{}' names nothing")
        default: return .field(FieldPath(name))
        }
    }

    private static func date(_ pattern: String) throws(TemplateProblem) -> [DatePiece] {
        var result: [DatePiece] = []
        var rest = pattern[...]
        while let letter = rest.first {
            guard letter.isLetter else {
                result.append(.text(String(letter)))
                rest = rest.dropFirst()
                continue
            }
            let run = String(rest.prefix { $0 == letter })
            rest = rest.dropFirst(run.count)
            switch run {
            case "YYYY", "yyyy": result.append(.cut(from: 0, count: 4))
            case "MM": result.append(.cut(from: 5, count: 2))
            case "dd": result.append(.cut(from: 8, count: 2))
            case "HH": result.append(.cut(from: 11, count: 2))
            default:
                throw TemplateProblem(
                    text: "'\(run)' in a date: only YYYY, MM, dd and HH are understood")
            }
        }
        return result
    }

    /// Whether all events of a partition get the same text.
    package var isFixed: Bool {
        pieces.allSatisfy {
            switch $0 {
            case .text, .topic, .partition: true
            case .field, .date: false
            }
        }
    }

    /// The text for one event; nil where it lacks a field that the template names.
    /// - Parameter milliseconds: the event's time.
    /// - Parameter field: the text of a field of the event; nil where it has none.
    package func fill(
        _ event: Event, milliseconds: Int64, field: (FieldPath) -> String?
    ) -> String? {
        var result = ""
        for piece in pieces {
            switch piece {
            case .text(let text): result += text
            case .topic: result += event.topic
            case .partition: result += String(event.partition)
            case .field(let path):
                guard let text = field(path), !text.isEmpty else { return nil }
                result += text
            case .date(let pieces):
                let time = Timestamp.text(milliseconds: milliseconds).utf8
                for piece in pieces {
                    switch piece {
                    case .text(let text): result += text
                    case .cut(let from, let count):
                        result += String(
                            decoding: time.dropFirst(from).prefix(count), as: UTF8.self)
                    }
                }
            }
        }
        return result
    }
}

/// What is wrong with a template.
package struct TemplateProblem: Error, Equatable, Sendable {
    package let text: String
}

extension Substring {
    /// Where the two characters of `pair` stand one after the other for the first time.
    fileprivate func range(ofPair pair: String) -> Substring.Index? {
        var rest = self
        while let start = rest.firstIndex(of: pair.first!) {
            if rest[start...].hasPrefix(pair) { return start }
            rest = rest[start...].dropFirst()
        }
        return nil
    }
}
